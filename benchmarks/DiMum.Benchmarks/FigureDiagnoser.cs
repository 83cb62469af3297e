using BenchmarkDotNet.Analysers;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Validators;
using DiMum.Profiling;
using TorchSharp;

namespace DiMum.Benchmarks;

/// <summary>Rates, shares of the ceilings, tensors and memory of every case, as columns and for the result file.</summary>
internal sealed class FigureDiagnoser : IDiagnoser
{
    private readonly Dictionary<BenchmarkCase, (Figures Figures, long Before, long After, double Peak)> seen = [];
    private int begun;

    public IEnumerable<string> Ids => [nameof(FigureDiagnoser)];

    public IEnumerable<IExporter> Exporters => [];

    public IEnumerable<IAnalyser> Analysers => [];

    public BenchmarkDotNet.Diagnosers.RunMode GetRunMode(BenchmarkCase benchmarkCase) => BenchmarkDotNet.Diagnosers.RunMode.NoOverhead;

    public void Handle(HostSignal signal, DiagnoserActionParameters parameters)
    {
        var of = parameters.BenchmarkCase;
        switch (signal)
        {
            case HostSignal.BeforeAnythingElse:
                Console.Error.WriteLine($"{++begun}. {of.Descriptor.WorkloadMethodDisplayInfo} {of.Parameters.DisplayInfo}");
                Session.Figures.Clear();
                PeakMemory.Release();
                break;
            case HostSignal.BeforeActualRun:
                PeakMemory.Reset();
                var figures = Session.Figures.GetValueOrDefault(of.Descriptor.WorkloadMethod.Name, new(Nets.Precision.Fp32));
                seen[of] = (figures, Live, 0, 0);
                break;
            case HostSignal.AfterActualRun:
                seen[of] = seen[of] with { After = Live, Peak = PeakMemory.Bytes };
                break;
        }
    }

    public IEnumerable<Metric> ProcessResults(DiagnoserResults results)
    {
        if (!seen.TryGetValue(results.BenchmarkCase, out var of))
            yield break;
        var times = results
            .Measurements.Where(m => m is { IterationMode: IterationMode.Workload, IterationStage: IterationStage.Result })
            .Select(m => m.Nanoseconds / m.Operations / 1e9)
            .Order()
            .ToList();
        if (times.Count > 0)
        {
            var (seconds, f) = (times[times.Count / 2], of.Figures);
            if (f.Images > 0)
                yield return new(Column.ImageRate, f.Images / seconds);
            if (f.Flops > 0)
                yield return new(Column.FlopRate, f.Flops / seconds / 1e9);
            if (f.Flops > 0 || f.Bytes > 0)
            {
                var ceilings = Session.CeilingsOf(f.Precision);
                var least = Math.Max(f.Flops / ceilings.Convolution, f.Bytes / ceilings.Memory);
                yield return new(Column.Share, 100 * least / seconds);
            }
        }

        yield return new(Column.LiveTensors, of.After);
        yield return new(Column.TensorsLeft, of.After - of.Before);
        yield return new(Column.Peak, of.Peak / (1 << 20));
    }

    public void DisplayResults(ILogger logger) { }

    public IEnumerable<ValidationError> Validate(ValidationParameters validationParameters) => [];

    private static long Live => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;

    /// <summary>A column.</summary>
    private sealed record Column(string Id, string Legend, string NumberFormat, int PriorityInCategory, bool TheGreaterTheBetter = false)
        : IMetricDescriptor
    {
        public static readonly Column ImageRate = new("images/s", "Images a second at the median time", "0.0", 1, true);
        public static readonly Column FlopRate = new(
            "GFLOP/s",
            "Multiplications and additions a second at the median time, in 10⁹",
            "0.0",
            2,
            true
        );
        public static readonly Column Share = new(
            "% of ceiling",
            "Time that this run's ceilings allow (convolution for arithmetic, copy for memory) over the median time",
            "0",
            3,
            true
        );
        public static readonly Column LiveTensors = new("live tensors", "Of the benchmark's thread after the case", "0", 4);
        public static readonly Column TensorsLeft = new("left", "Live tensors after the case, less those before it", "0", 5);
        public static readonly Column Peak = new("peak MiB", "Resident memory of the process at its highest during the case", "0", 6);

        public string DisplayName => Id;
        public UnitType UnitType => UnitType.Dimensionless;
        public string Unit => "";

        public bool GetIsAvailable(Metric metric) => true;
    }
}
