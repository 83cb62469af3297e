using System.Collections.Immutable;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Filters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using DiMum.Checkpoints;
using DiMum.Nets;
using DiMum.Profiling;
using DiMum.Runs;
using Perfolizer.Horology;
using static TorchSharp.torch;

namespace DiMum.Benchmarks;

/// <summary>The benchmarks' command line: what is not understood here goes to BenchmarkDotNet.</summary>
internal static class Suite
{
    private const string DefaultFile = "BenchmarkDotNet.Artifacts/benchmarks.json";

    public static int Run(string[] args)
    {
        var rest = args.ToList();
        var quick = rest.Remove("--quick");
        var file = Take(rest, "--json") ?? DefaultFile;
        var device = Take(rest, "--device") ?? "cpu";
        var threads = Take(rest, "--threads") is { } n
            ? int.TryParse(n, out var given) && given > 0
                ? given
                : throw new UserError($"--threads {n}: expected at least 1")
            : Environment.ProcessorCount;
        Session.Device = Devices.Parse(device);
        set_num_threads(threads);
        if (!rest.Contains("--filter") && !rest.Contains("-f") && !rest.Contains("--list"))
            rest.AddRange(["--filter", "*"]);
        if (rest.Contains("--list"))
        {
            BenchmarkSwitcher.FromAssembly(typeof(Suite).Assembly).Run([.. rest]);
            return 0;
        }

        foreach (var precision in Enum.GetValues<Precision>())
        {
            var c = Session.CeilingsOf(precision);
            Console.WriteLine(
                FormattableString.Invariant(
                    $"ceilings, {precision}: product {c.Product / 1e9:f0} GFLOP/s, convolution {c.Convolution / 1e9:f0} GFLOP/s ({c.ConvolutionShape}), copy {c.Memory / 1e9:f1} GB/s"
                )
            );
        }

        var summaries = BenchmarkSwitcher.FromAssembly(typeof(Suite).Assembly).Run([.. rest], Config(quick)).ToList();
        foreach (var summary in summaries)
            MarkdownExporter.Console.ExportToLog(summary, ConsoleLogger.Default);
        var results = Collect(summaries, quick, device);
        results.Write(file);
        Console.WriteLine($"{results.Cases.Count} results: {Path.GetFullPath(file)}");
        return results.Cases.Count > 0 ? 0 : 1;
    }

    // In this process: a child would have to find libtorch again, and ceilings, device and threads are this one's.
    private static ManualConfig Config(bool quick)
    {
        var job = Job
            .Default.WithToolchain(new InProcessEmitToolchain(TimeSpan.FromHours(1), logOutput: false))
            .WithLaunchCount(1)
            .WithUnrollFactor(1)
            .WithWarmupCount(quick ? 1 : 3)
            .WithIterationCount(quick ? 3 : 9)
            .WithIterationTime(TimeInterval.FromMilliseconds(quick ? 50 : 250));
        var config = ManualConfig
            .CreateEmpty()
            .AddJob(job)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .HideColumns(
                "Job",
                "Toolchain",
                "IterationCount",
                "IterationTime",
                "LaunchCount",
                "UnrollFactor",
                "WarmupCount",
                "Error",
                "Alloc Ratio"
            )
            .AddDiagnoser(new FigureDiagnoser())
            .AddLogger(new Failures())
            .WithOptions(ConfigOptions.DisableLogFile)
            .WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(40));
        return quick ? config.AddFilter(new SimpleFilter(c => !c.Descriptor.HasCategory(Slow.Category))) : config;
    }

    private static BenchmarkResults Collect(IEnumerable<Summary> summaries, bool quick, string device) =>
        new(
            BenchmarkResults.Version,
            DateTimeOffset.UtcNow,
            Machine.Here(),
            device,
            quick,
            Enum.GetValues<Precision>().ToImmutableDictionary(p => $"{p}", Session.CeilingsOf),
            [
                .. summaries
                    .SelectMany(s => s.Reports)
                    .Where(r => r.ResultStatistics is not null)
                    .Select(r =>
                    {
                        var (s, of) = (r.ResultStatistics!, r.BenchmarkCase);
                        var parameters = string.Join(" ", of.Parameters.Items.Select(p => $"{p.Name}={p.Value}"));
                        return new BenchmarkResult(
                            $"{of.Descriptor.Type.Name}.{of.Descriptor.WorkloadMethod.Name} {parameters}".TrimEnd(),
                            s.N,
                            s.Mean / 1e9,
                            s.Median / 1e9,
                            s.StandardDeviation / 1e9,
                            r.Metrics.ToImmutableSortedDictionary(m => m.Key, m => m.Value.Value)
                        );
                    }),
            ]
        );

    private static string? Take(List<string> args, string option)
    {
        var at = args.IndexOf(option);
        if (at < 0)
            return null;
        if (at + 1 == args.Count)
            throw new UserError($"{option}: a value is missing after it");
        var value = args[at + 1];
        args.RemoveRange(at, 2);
        return value;
    }

    /// <summary>Lets errors through alone.</summary>
    private sealed class Failures : ILogger
    {
        public string Id => nameof(Failures);
        public int Priority => 0;

        public void Write(LogKind logKind, string text)
        {
            if (logKind == LogKind.Error)
                Console.Error.Write(text);
        }

        public void WriteLine() { }

        public void WriteLine(LogKind logKind, string text)
        {
            if (logKind == LogKind.Error)
                Console.Error.WriteLine(text);
        }

        public void Flush() { }
    }
}
