using System.Text;
using DiMum.Checkpoints;
using DiMum.Nets;
using DiMum.Runs;
using MathNet.Numerics.Distributions;

namespace DiMum.Studies;

/// <summary>A pre-training in one precision and what it came to.</summary>
/// <param name="Loss">Mean of the last tenth of the logged losses; both precisions see the same batches, times and noises.</param>
internal sealed record PrecisionCell(long Seed, string Precision, double Loss, Evaluation Evaluation);

/// <summary>Does training in bf16 learn what training in fp32 learns? Pre-training of the digits preset, five seeds in each.</summary>
public sealed class PrecisionStudy : IStudy
{
    private static readonly long[] Seeds = [1, 2, 3, 4, 5]; // fixed before the first run

    private static readonly (string Name, Func<PrecisionCell, double> Of)[] Quantities =
    [
        ("loss, mean of the last tenth", c => c.Loss),
        ("classifier agrees on the class that is unlearned later, %", c => 100 * c.Evaluation.ArUnlearned.Value),
        ("classifier agrees on the other classes, %", c => 100 * c.Evaluation.RetainedAccuracy!.Value),
        ("Fréchet distance", c => c.Evaluation.Frechet!.Value),
    ];

    public string Name => "precision";
    public string Question => "does pre-training in bf16 end where pre-training in fp32 ends? (digits, 5 seeds each)";

    public string Run(StudyContext context)
    {
        var jobs = new Jobs();
        foreach (var seed in Seeds)
        foreach (var precision in Enum.GetValues<Precision>())
            jobs.Add($"{precision}-{seed}", () => Cell(context, seed, precision));
        try
        {
            jobs.Run(context.Workers);
        }
        catch (OperationCanceledException)
        {
            // The page says what is in.
        }

        var cells = Seeds
            .SelectMany(seed => Enum.GetValues<Precision>().Select(p => FileOf(context, seed, p)))
            .Where(File.Exists)
            .Select(file => Json.Read<PrecisionCell>(File.ReadAllText(file), file))
            .ToList();
        return Page(cells);
    }

    /// <summary>Welch's two-sided p of equal means.</summary>
    internal static double Welch(IReadOnlyList<double> a, IReadOnlyList<double> b)
    {
        static (double Mean, double Share) Of(IReadOnlyList<double> x)
        {
            var mean = x.Average();
            return (mean, x.Sum(v => (v - mean) * (v - mean)) / (x.Count - 1) / x.Count);
        }

        var ((m, v), (n, w)) = (Of(a), Of(b));
        if (v + w == 0)
            return m == n ? 1 : 0;
        var freedom = (v + w) * (v + w) / (v * v / (a.Count - 1) + w * w / (b.Count - 1));
        return 2 * StudentT.CDF(0, 1, freedom, -Math.Abs(m - n) / Math.Sqrt(v + w));
    }

    private static string FileOf(StudyContext context, long seed, Precision precision) =>
        Path.Combine(context.Folder, "cells", $"{precision}-{seed}.json");

    private static void Cell(StudyContext context, long seed, Precision precision)
    {
        var file = FileOf(context, seed, precision);
        if (File.Exists(file))
            return;
        context.Cancel.ThrowIfCancellationRequested();
        var experiment = Presets.Load("digits", []) with { Seed = seed, Precision = precision };
        var folder = Path.Combine(context.Folder, $"run-{precision}-{seed}");
        using var run = new Run(experiment, folder, context.Observer, context.Cancel);
        run.Classify();
        var evaluation = run.Pretrain();
        var log = Directory.GetFiles(folder, "metrics.jsonl", SearchOption.AllDirectories).Single(f => f.Contains("pretrain"));
        var losses = File.ReadLines(log).Select(line => Json.Read<LossLine>(line, log).Loss).ToList();
        var cell = new PrecisionCell(seed, precision.ToString(), losses.TakeLast(losses.Count / 10).Average(), evaluation);
        AtomicFile.WriteText(file, Json.Write(cell));
        context.Observer.Note($"{precision}, seed {seed} is in");
    }

    private sealed record LossLine(int Iteration, long Updates, double Loss);

    internal static string Page(IReadOnlyList<PrecisionCell> cells)
    {
        var text = new StringBuilder();
        text.Append("# Pre-training in bf16 and in fp32: the digits, five seeds each\n\n");
        text.Append(
            "`dimum study precision`: the digits preset's pre-training (3,000 steps of batch 32) and evaluation, seeds 1 to 5 in each precision, fixed before the\n"
        );
        text.Append(
            "first run. p: Welch's two-sided test of equal means over the seeds. A seed's two runs share first weights, batches, times and noises, so the mean of the\n"
        );
        text.Append("paired differences (bf16 less fp32, Student's 95 % interval over the seeds) sees finer.\n\n");
        var missing = Seeds.Length * 2 - cells.Count;
        if (missing > 0)
            text.Append($"**{missing} of {Seeds.Length * 2} runs are missing.**\n\n");
        text.Append("| | fp32 | bf16 | p | difference |\n|---|---|---|---|---|\n");
        foreach (var (name, of) in Quantities)
            text.Append(Row(name, cells, of));
        text.Append("\n| seed | precision | loss | class unlearned later, % | other classes, % | Fréchet |\n|---|---|---|---|---|---|\n");
        foreach (var c in cells)
            text.Append(
                FormattableString.Invariant(
                    $"| {c.Seed} | {c.Precision.ToLowerInvariant()} | {c.Loss:f3} | {100 * c.Evaluation.ArUnlearned.Value:f1} | {100 * c.Evaluation.RetainedAccuracy!.Value:f1} | {c.Evaluation.Frechet!.Value:f2} |\n"
                )
            );
        return text.ToString();
    }

    private static string Row(string name, IReadOnlyList<PrecisionCell> cells, Func<PrecisionCell, double> of)
    {
        var exact = cells.Where(c => c.Precision == nameof(Precision.Fp32)).ToDictionary(c => c.Seed, of);
        var rough = cells.Where(c => c.Precision == nameof(Precision.Bf16)).ToDictionary(c => c.Seed, of);
        if (exact.Count < 2 || rough.Count < 2)
            return $"| {name} | – | – | – | – |\n";
        var pairs = exact.Keys.Intersect(rough.Keys).Select(seed => rough[seed] - exact[seed]).ToList();
        var difference = pairs.Count < 2 ? "–" : Interval(CellMean.Of(pairs));
        var p = FormattableString.Invariant($"{Welch([.. exact.Values], [.. rough.Values]):f2}");
        return $"| {name} | {Interval(CellMean.Of([.. exact.Values]))} | {Interval(CellMean.Of([.. rough.Values]))} | {p} | {difference} |\n";
    }

    private static string Interval(CellMean m) => FormattableString.Invariant($"{m.Mean:g4} [{m.Low:g4}, {m.High:g4}]");
}
