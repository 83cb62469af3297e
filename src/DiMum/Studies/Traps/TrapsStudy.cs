using DiMum.Attacks;
using DiMum.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Studies.Traps;

/// <summary>
/// Each trap of the released baselines, shown by a run: a demonstration of what it does, and, where it lies in an unlearning method, AR with it and without
/// it in the same cells.
/// </summary>
public sealed class TrapsStudy : IStudy
{
    private static readonly (long Seed, int Class)[] Cells = [(1, 0), (2, 0), (3, 0), (1, 4), (2, 4), (3, 4), (1, 8), (2, 8), (3, 8)];

    private sealed record Pair(double Unlearned, double Attacked, double Accuracy);

    public string Name => "traps";
    public string Question => "what does each trap of the released baselines do, and what does it change in AR?";

    public string Run(StudyContext context)
    {
        var page = new MarkdownPage();
        Demonstrations(page, context);
        Effects(page, context);
        return page.ToString();
    }

    private static void Demonstrations(MarkdownPage page, StudyContext context)
    {
        page.Line("# Traps in released baselines, each shown by a run");
        page.Line();
        page.Line(
            "`dimum study traps` ran everything below. The claims are about public code at the commits given. *Golden* names the files of"
        );
        page.Line(
            "`tests/DiMum.Tests/Golden/public` that were made by running that code: the as-released reading reproduces them (`dimum verify`), and with them what"
        );
        page.Line(
            "the claim says of the code. Where there is none, the claim was read in the code and what is shown is its effect, with this library's own"
        );
        page.Line(
            "parts, on the built-in digits or on drawn numbers. Each demonstration is a function of some ten lines in `src/DiMum/Studies/Traps`."
        );
        page.Line();
        page.Line("| trap | claim | where | golden | effect | what came out |");
        page.Line("|---|---|---|---|---|---|");
        context.Observer.Begin("traps", 0, KnownTraps.All.Count);
        for (var k = 0; k < KnownTraps.All.Count; k++)
        {
            var trap = KnownTraps.All[k];
            var seen = Show(trap);
            page.Line(
                $"| {trap.Id} | {trap.Claim} | {trap.Where} | {(trap.Golden.Length > 0 ? trap.Golden : "–")} | {(seen.Confirmed ? "confirmed" : "**refuted**")} | {seen.What} |"
            );
            context.Observer.Advance("traps", k + 1, null);
        }

        context.Observer.End("traps", $"{KnownTraps.All.Count} shown", alreadyDone: false);
        page.Line();
    }

    /// <summary>One demonstration; what it allocates dies with it.</summary>
    internal static Seen Show(Trap trap)
    {
        set_num_threads(1); // sums depend on it in the last bit
        using var scope = NewDisposeScope();
        using var scene = new TrapScene();
        return trap.Show(scene);
    }

    private static void Effects(MarkdownPage page, StudyContext context)
    {
        page.Line("## Effect on AR");
        page.Line();
        page.Line(
            "One trap at a time put into the published reading, or taken out of it where that has it (T10, T13, T15, T22, T23), on the built-in digits, in the same cells (a seed and an unlearned class) with the same numbers as"
        );
        page.Line(
            "[digits-baselines](results/digits-baselines.md): difference *with the trap less without*, in points, mean and 95 % Student interval over the cells. AR_a is the"
        );
        page.Line("highest under attack (i).");
        page.Line();
        page.Line("| trap | switched | method | AR_u | highest AR_a (i) | retained accuracy | cells |");
        page.Line("|---|---|---|---|---|---|---|");
        foreach (var (change, pairs) in Measured(context))
            page.Line(
                $"| {change.Trap} | {change.What} | {change.Method} | {Points(pairs, p => p.Unlearned)} | {Points(pairs, p => p.Attacked)} | {Points(pairs, p => p.Accuracy)} | {pairs.Count} of {Cells.Length} |"
            );
        page.Line();
        page.Line("Not in the table, and why:");
        page.Line();
        foreach (var (trap, why) in TrapSwitches.Without)
            page.Line($"* {trap}: {why}.");
    }

    // Cell by cell, so that a study stopped half-way has the same cells for every switch.
    private static List<(TrapSwitch Change, List<Pair> Pairs)> Measured(StudyContext context)
    {
        var all = TrapSwitches.All.Select(change => (Change: change, Pairs: new List<Pair>())).ToList();
        try
        {
            foreach (var (seed, unlearned) in Cells)
            {
                context.Cancel.ThrowIfCancellationRequested();
                var experiment = DigitsBaselines.Setting(seed, unlearned, []);
                foreach (var (change, pairs) in all)
                    pairs.Add(Compared(context, experiment, change));
            }
        }
        catch (OperationCanceledException)
        {
            context.Observer.Note("stopped; the page has what is there");
        }

        return all;
    }

    private static Pair Compared(StudyContext context, Experiment experiment, TrapSwitch change)
    {
        (MethodResult, AttackResult) Compare(Experiment e, MeasuringVariant? measuring, MethodSettings of, MethodVariant? variant)
        {
            using var run = new Run(e, Path.Combine(context.Folder, "run"), context.Observer, context.Cancel, measuring);
            return run.Compare(of, variant, Assumption.RetainSet);
        }

        var settings = MethodPresets.Of("digits").Single(m => m.Label == change.Method);
        var (plain, attack) = Compare(change.Without?.Invoke(experiment) ?? experiment, null, settings, null);
        var (trapped, attackOnTrapped) = Compare(
            change.With?.Invoke(experiment) ?? experiment,
            change.Measured,
            change.Settings(settings),
            change.Variant
        );
        var sign = change.TakesOut ? -1 : 1;
        return new(
            sign * (trapped.Final.ArUnlearned.Value - plain.Final.ArUnlearned.Value),
            sign * (attackOnTrapped.HighestAr.Value - attack.HighestAr.Value),
            sign * (trapped.Final.RetainedAccuracy!.Value - plain.Final.RetainedAccuracy!.Value)
        );
    }

    private static string Points(List<Pair> pairs, Func<Pair, double> of)
    {
        if (pairs.Count == 0)
            return "not measured";
        var mean = CellMean.Of([.. pairs.Select(of)]);
        return FormattableString.Invariant($"{100 * mean.Mean:f1}")
            + (pairs.Count < 2 ? "" : FormattableString.Invariant($" [{100 * mean.Low:f1}, {100 * mean.High:f1}]"));
    }
}
