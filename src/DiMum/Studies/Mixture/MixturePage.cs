using DiMum.Data;
using DiMum.Metrics;
using DiMum.Runs;

namespace DiMum.Studies.Mixture;

/// <summary>The page of <see cref="MixtureStudy"/>: tables and figures, and sentences that the intervals decide.</summary>
internal sealed class MixturePage(
    Experiment preset,
    int iterations,
    int planned,
    IReadOnlyList<ConvergenceCell> courses,
    IReadOnlyList<MixtureRun> runs,
    string folder
)
{
    private readonly MarkdownPage page = new();
    private readonly MixtureCharts charts = new(courses, runs, folder);

    /// <summary>Highest AR_a of each seed that has it.</summary>
    public static List<double> HighestAr(IReadOnlyList<MixtureRun> runs, string label, string assumption) =>
        [.. runs.Select(r => r.Of(label).Result).OfType<MethodResult>().Select(r => r.Under(assumption)!.HighestAr.Value)];

    public string Write()
    {
        var law = GaussianMixture.BuiltIn;
        page.Line("# mixture: convergence and attacks where the truth is known\n");
        page.Line("```\ndimum study mixture\n```\n");
        page.Line(
            $"Data: {law.Components} Gaussians on a circle of the plane, σ = {law.Deviation}, 12,000 training points; component {preset.Unlearn.Class} is unlearned, the next is the "
                + "alternative. Its best denoiser ε*, the least loss and the Bayes rule are known in closed form, so «converged» is measured: "
                + "E‖ε_θ − ε*‖² is exactly what a loss has above its floor. Probes are 512 fresh points in each bin of t. AR is the mass within 4 σ of the "
                + "forgotten component, of 1000 points. Numbers are means over seeds with Student's 95 % intervals over the seeds; distances are "
                + "geometric means. Rates and weights were chosen on seed 7, without attacks."
        );
        page.Line($"\nIn: {courses.Count} of {planned} seeds for convergence, {runs.Count} of {planned} for the methods.\n");
        if (courses.Count > 0)
        {
            Training();
            Memorizing();
            Ascent();
            Relabelled();
        }

        if (runs.Count > 0)
            Methods();
        return page.ToString();
    }

    private void Training()
    {
        var seen = courses[0].Of(Convergence.Training).Seen;
        page.Line("## 1. Training approaches the optimum\n");
        page.Line(
            $"The floor, mean over t: {CellFigures.Digits(Probe.OverTime(courses[0].Floor))} under a class, "
                + $"{CellFigures.Digits(Probe.OverTime(courses[0].NullFloor))} under ∅ (a mean over the probe's points).\n"
        );
        page.Header(["iterations", .. seen.Select(s => $"{s.Iteration}")]);
        page.Row(["above the floor, class", .. seen.Select((_, i) => Show(Convergence.Training, i, d => Probe.OverTime(d.Retain)))]);
        page.Row(["above the floor, ∅", .. seen.Select((_, i) => Show(Convergence.Training, i, d => Probe.OverTime(d.Null)))]);
        page.Line("\nAt the end, by t:\n");
        Bins();
        page.Row(["floor, class", .. courses[0].Floor.Select(CellFigures.Digits)]);
        page.Row(["above it", .. PerBin(Convergence.Training, d => d.Retain)]);
        page.Row(["floor, ∅ (seed 1's points)", .. courses[0].NullFloor.Select(CellFigures.Digits)]);
        page.Row(["above it", .. PerBin(Convergence.Training, d => d.Null)]);
        page.Line("\n" + charts.Training());
    }

    private void Memorizing()
    {
        page.Line(
            $"## 2. DiMUM's losses, Eqs. (8) and (10)\n\n{iterations} iterations of the bare Eq. (11) from the pre-trained weights, at a constant rate.\n"
        );
        Table(
            Convergence.Memorizing,
            ("Eq. (8) above its floor", d => Probe.OverTime(d.Retain)),
            ("Eq. (10) above its floor", d => Probe.OverTime(d.Memorize))
        );
        Verdict("Eq. (10)", Convergence.Memorizing, d => Probe.OverTime(d.Memorize));
        page.Line("Eq. (10) above its floor, by t:\n");
        Bins();
        page.Row(["at the start", .. PerBin(Convergence.Memorizing, d => d.Memorize, last: false)]);
        page.Row(["at the end", .. PerBin(Convergence.Memorizing, d => d.Memorize)]);
        page.Line();
    }

    private void Ascent()
    {
        page.Line("## 3. Eq. (5) climbs without end\n");
        Table(
            Convergence.Ascent,
            ("climbed loss, above the least", d => Probe.OverTime(d.Forget)),
            ("Eq. (8) above its floor", d => Probe.OverTime(d.Retain))
        );
        Verdict("The climbed loss", Convergence.Ascent, d => Probe.OverTime(d.Forget));
        foreach (var course in courses.Where(c => c.Of(Convergence.Ascent).Failure is not null))
            page.Line($"Seed {course.Seed} ended early: {course.Of(Convergence.Ascent).Failure}\n");
    }

    private void Relabelled()
    {
        page.Line("## 4. Eq. (6), bin by bin\n");
        page.Line(
            "The second term compares ε_θ under c with ε_θ under c̃ on the same points of D_u; nothing dropped, its floor is 0 at every t. The paper (IV-B) expects it not to "
                + "converge, above all at small t, where the target is asked for on points that c̃ never saw.\n"
        );
        Table(
            Convergence.Relabelled,
            ("Eq. (6), second term", d => Probe.OverTime(d.Relabel)),
            ("Eq. (8) above its floor", d => Probe.OverTime(d.Retain))
        );
        Verdict("The second term", Convergence.Relabelled, d => Probe.OverTime(d.Relabel));
        page.Line("By t:\n");
        Bins();
        page.Row(["second term, start", .. PerBin(Convergence.Relabelled, d => d.Relabel, last: false)]);
        page.Row(["second term, end", .. PerBin(Convergence.Relabelled, d => d.Relabel)]);
        page.Row(["left of it, %", .. BinRatio(d => d.Relabel, 0, 100)]);
        page.Row(["end ÷ half-way", .. BinRatio(d => d.Relabel, Middle, 1)]);
        page.Row(["target off ε*(c̃) by", .. PerBin(Convergence.Relabelled, d => d.Target)]);
        page.Row(["Eq. (10) above its floor, end", .. PerBin(Convergence.Relabelled, d => d.Memorize)]);
        page.Row(["the same under DiMUM, end", .. PerBin(Convergence.Memorizing, d => d.Memorize)]);
        page.Line("\n" + charts.Losses());
        page.Line(charts.ByTime());
    }

    private void Methods()
    {
        page.Line("## 5. End to end\n");
        page.Line($"Before: AR {CellFigures.Percent(CellFigures.Rate(runs.Select(r => r.Pretrained.ArUnlearned.Value)))} %. In percent:\n");
        page.Line(
            "| method | AR_u | highest AR_a (i) | highest AR_a (ii-a) | retained accuracy | Fréchet (points) |\n|---|---|---|---|---|---|"
        );
        var labels = preset.Unlearn.Methods.Select(m => m.Label).ToList();
        foreach (var label in labels)
        {
            var done = runs.Select(r => r.Of(label).Result).OfType<MethodResult>().ToList();
            if (done.Count == 0)
                continue;
            string Percent(Func<MethodResult, double> of) => CellFigures.Percent(CellFigures.Rate(done.Select(of)));
            page.Line(
                $"| {label} | {Percent(r => r.Final.ArUnlearned.Value)} | {Percent(r => r.Under("i")!.HighestAr.Value)} | {Percent(r => r.Under("ii-a")!.HighestAr.Value)} | "
                    + $"{Percent(r => r.Final.RetainedAccuracy!.Value)} | {CellFigures.Distance(CellFigures.Geometric(done.Select(r => r.Final.Frechet!.Value)))} |"
            );
        }

        page.Line();
        foreach (var run in runs)
        foreach (var m in run.Methods.Where(m => m.Failure is not null))
            page.Line($"Seed {run.Seed}, {m.Label}: {m.Failure}\n");
        foreach (var assumption in new[] { "i", "ii-a" })
            Claim(assumption);
        page.Line("Of each seed, AR_u and highest AR_a under (i) and (ii-a), with exact 95 % intervals of the 1000 points:\n");
        PerSeed(["DiMUM", "SalUn", "SFR-on"]);
        foreach (var assumption in new[] { "i", "ii-a" })
            page.Line(charts.Highest(assumption, labels));
        page.Line(charts.Scatters(labels));
    }

    private void Claim(string assumption)
    {
        foreach (var other in preset.Unlearn.Methods.Select(m => m.Label).Where(l => l != "DiMUM" && l != "retrain"))
        {
            var pairs = runs.Select(r => (DiMum: r.Of("DiMUM").Result, Other: r.Of(other).Result))
                .Where(p => p.DiMum is not null && p.Other is not null)
                .Select(p => p.DiMum!.Under(assumption)!.HighestAr.Value - p.Other!.Under(assumption)!.HighestAr.Value)
                .ToList();
            if (pairs.Count < 2)
                continue;
            var difference = CellMean.Of(pairs);
            var verdict =
                !difference.LeavesZeroOut ? "not decided"
                : difference.Mean < 0 ? "DiMUM lower, as the paper says"
                : "DiMUM higher, against the paper";
            page.Line($"* ({assumption}) DiMUM − {other}: {CellFigures.Percent(difference)} points over {pairs.Count} seeds: {verdict}.");
        }

        page.Line();
    }

    private void PerSeed(IReadOnlyList<string> labels)
    {
        page.Header(["seed", .. labels.SelectMany(l => new[] { $"{l} AR_u", "(i)", "(ii-a)" })]);
        foreach (var run in runs)
        {
            var cells = labels.SelectMany(l =>
                run.Of(l).Result is { } r
                    ? new[] { Exact(r.Final.ArUnlearned), Exact(r.Under("i")!.HighestAr), Exact(r.Under("ii-a")!.HighestAr) }
                    : ["–", "–", "–"]
            );
            page.Row([$"{run.Seed}", .. cells]);
        }

        page.Line();
    }

    private static string Exact(Measured m) => CellFigures.Percent(new(m.Value, m.Low, m.High, 1));

    // Whether what is followed has come to rest: over the second half, and over all.
    private void Verdict(string what, string rule, Func<Distances, double> of)
    {
        double Then(ConvergenceCell c, Index at) => of(c.Of(rule).Seen[at].Distances);
        var half = CellFigures.Geometric(courses.Select(c => Then(c, ^1) / Then(c, Middle)));
        var all = CellFigures.Geometric(courses.Select(c => Then(c, ^1) / Then(c, 0)));
        var says =
            half.Low > 1 ? "still rising"
            : half.High < 1 ? "still falling"
            : "at rest";
        page.Line($"\n{what}: end ÷ start {CellFigures.Distance(all)}; end ÷ half-way {CellFigures.Distance(half)}: {says}.\n");
    }

    // The sighting nearest to half of the iterations.
    private int Middle => courses[0].Of(Convergence.Memorizing).Seen.ToList().FindIndex(s => s.Iteration * 2 >= iterations);

    private void Table(string rule, params (string Name, Func<Distances, double> Of)[] rows)
    {
        var seen = courses[0].Of(rule).Seen;
        page.Header(["iterations", .. seen.Select(s => $"{s.Iteration}")]);
        foreach (var (name, of) in rows)
            page.Row([name, .. seen.Select((_, i) => Show(rule, i, of))]);
    }

    private string Show(string rule, int at, Func<Distances, double> of) =>
        CellFigures.Distance(
            CellFigures.Geometric(courses.Where(c => c.Of(rule).Seen.Count > at).Select(c => of(c.Of(rule).Seen[at].Distances)))
        );

    private string[] PerBin(string rule, Func<Distances, double[]> of, bool last = true) =>
        [
            .. Enumerable
                .Range(0, Probe.Bins)
                .Select(b =>
                    CellFigures.Distance(CellFigures.Geometric(courses.Select(c => of(c.Of(rule).Seen[last ? ^1 : 0].Distances)[b])))
                ),
        ];

    private string[] BinRatio(Func<Distances, double[]> of, int from, double unit) =>
        [
            .. Enumerable
                .Range(0, Probe.Bins)
                .Select(b =>
                    CellFigures.Distance(
                        CellFigures.Geometric(
                            courses
                                .Select(c => c.Of(Convergence.Relabelled).Seen)
                                .Select(seen => unit * of(seen[^1].Distances)[b] / of(seen[from].Distances)[b])
                        )
                    )
                ),
        ];

    private void Bins()
    {
        page.Header(["t", .. Enumerable.Range(0, Probe.Bins).Select(b => $"{Probe.Edges[b]}–{Probe.Edges[b + 1] - 1}")]);
    }
}
