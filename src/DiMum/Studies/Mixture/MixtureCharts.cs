using DiMum.Checkpoints;
using DiMum.Runs;
using DiMum.Runs.Report;
using ScottPlot;

namespace DiMum.Studies.Mixture;

/// <summary>The study's figures, written beside its page; each returns its Markdown.</summary>
internal sealed class MixtureCharts(IReadOnlyList<ConvergenceCell> courses, IReadOnlyList<MixtureRun> runs, string folder)
{
    private static readonly MethodLook Blue = new("#0072B2", MarkerShape.FilledCircle, LinePattern.Solid);
    private static readonly MethodLook Sky = new("#56B4E9", MarkerShape.OpenCircle, LinePattern.Dashed);
    private static readonly MethodLook Red = new("#D55E00", MarkerShape.FilledTriangleUp, LinePattern.Solid);
    private static readonly MethodLook Amber = new("#E69F00", MarkerShape.FilledSquare, LinePattern.Solid);
    private static readonly MethodLook Pale = new("#8C6D31", MarkerShape.OpenSquare, LinePattern.Dashed);

    public string Training() =>
        Lines(
            "training",
            "Excess over the irreducible loss while training",
            "iterations",
            "‖ε_θ − ε*‖²",
            [
                OverIterations("under a class", Blue, Convergence.Training, d => d.Retain),
                OverIterations("under ∅", Sky, Convergence.Training, d => d.Null),
            ]
        );

    public string Losses() =>
        Lines(
            "losses",
            "What each equation’s losses have above their floors",
            "iterations",
            "above the floor",
            [
                OverIterations("Eq. (8), DiMUM retain", Sky, Convergence.Memorizing, d => d.Retain),
                OverIterations("Eq. (10), DiMUM unlearning", Blue, Convergence.Memorizing, d => d.Memorize),
                OverIterations("Eq. (5), climbed loss", Red, Convergence.Ascent, d => d.Forget),
                OverIterations("Eq. (6), relabelling", Amber, Convergence.Relabelled, d => d.Relabel),
            ]
        );

    public string ByTime() =>
        Lines(
            "by-time",
            "Above the floor at the last iteration, by t",
            "log₁₀(1 + middle of the bin of t)",
            "above the floor",
            [
                OverBins("Eq. (10), DiMUM unlearning", Blue, Convergence.Memorizing, d => d.Memorize, last: true),
                OverBins("Eq. (6), relabelling", Amber, Convergence.Relabelled, d => d.Relabel, last: true),
                OverBins("Eq. (6), at the start", Pale, Convergence.Relabelled, d => d.Relabel, last: false),
                OverBins("Eq. (6), its target is wrong by", Red, Convergence.Relabelled, d => d.Target, last: true),
            ]
        );

    /// <summary>Highest AR_a of every method.</summary>
    public string Highest(string assumption, IReadOnlyList<string> labels)
    {
        var marks = labels
            .Select(label => (label, Rates: MixturePage.HighestAr(runs, label, assumption)))
            .Where(p => p.Rates.Count > 0)
            .Select(p =>
            {
                var mean = CellFigures.Rate(p.Rates);
                return new Mark(
                    p.label,
                    MethodLook.Of(p.label.Split('-')[0] is var n && p.label.StartsWith("SFR", StringComparison.Ordinal) ? "SFR-on" : n, 0),
                    mean.Mean,
                    mean.Low,
                    mean.High
                );
            });
        var title = $"Highest AR_a under ({assumption}), mean of {runs.Count} seeds";
        return Save($"highest-{assumption}", title, Plots.Marks(Theme.Light, title, "highest AR_a", [.. marks]));
    }

    /// <summary>Points under the unlearned condition, of the first seed: before, unlearned, and where the attack stood highest.</summary>
    public string Scatters(IReadOnlyList<string> labels)
    {
        if (runs.Count == 0)
            return "";
        var run = runs[0];
        var home = Path.Combine(folder, $"run-{run.Seed}");
        var rows = new List<string>
        {
            $"| seed {run.Seed}, 1000 points under the unlearned condition | unlearned | attacked (i), where AR_a was highest | attacked (ii-a) |",
            "|---|---|---|---|",
            $"| pre-trained | {Copied(home, run.Pretrained.Strip, "pretrained")} | | |",
        };
        foreach (var label in labels)
        {
            if (run.Of(label).Result is not { } result)
                continue;
            string Attacked(string a) =>
                result.Attacks.First(x => x.Assumption == a) is var attack
                    ? Copied(home, attack.Curve.First(e => e.Step == attack.HighestAtStep).Strip, $"{label}-attacked-{a}")
                    : "";
            rows.Add($"| {label} | {Copied(home, result.Final.Strip, label)} | {Attacked("i")} | {Attacked("ii-a")} |");
        }

        return string.Join('\n', rows) + "\n";
    }

    private string Copied(string home, string? strip, string name)
    {
        if (strip is null || !File.Exists(Path.Combine(home, strip)))
            return "";
        Directory.CreateDirectory(Path.Combine(folder, "mixture"));
        File.Copy(Path.Combine(home, strip), Path.Combine(folder, "mixture", $"points-{name}.png"), overwrite: true);
        return $"<img src=\"mixture/points-{name}.png\" width=\"180\" alt=\"points of {name}\">";
    }

    private Series OverIterations(string label, MethodLook look, string rule, Func<Distances, double[]> of)
    {
        var steps = courses.Select(c => c.Of(rule).Seen.Select(s => s.Iteration)).Aggregate((a, b) => a.Intersect(b)).ToList();
        return Curve(
            label,
            look,
            [.. steps.Select(i => (double)i)],
            [.. steps.Select(i => courses.Select(c => Probe.OverTime(of(c.Of(rule).Seen.First(s => s.Iteration == i).Distances))))]
        );
    }

    private Series OverBins(string label, MethodLook look, string rule, Func<Distances, double[]> of, bool last) =>
        Curve(
            label,
            look,
            [.. Enumerable.Range(0, Probe.Bins).Select(b => Math.Log10(1 + (Probe.Edges[b] + Probe.Edges[b + 1] - 1) / 2.0))],
            [.. Enumerable.Range(0, Probe.Bins).Select(b => courses.Select(c => of(c.Of(rule).Seen[last ? ^1 : 0].Distances)[b]))]
        );

    private static Series Curve(string label, MethodLook look, double[] x, IReadOnlyList<IEnumerable<double>> perPoint)
    {
        var means = perPoint.Select(CellFigures.Geometric).ToList();
        return new(
            label,
            look,
            x,
            [.. means.Select(m => m.Mean)],
            [.. means.Select(m => m.Cells < 2 ? m.Mean : m.Low)],
            [.. means.Select(m => m.Cells < 2 ? m.Mean : m.High)]
        );
    }

    private string Lines(string name, string title, string x, string y, IReadOnlyList<Series> series) =>
        Save(name, title, Plots.Lines(Theme.Light, title, new(x, false), new(y, false), series, []));

    private string Save(string name, string title, byte[] png)
    {
        var file = Path.Combine(folder, "mixture", name + ".png");
        AtomicFile.Write(file, stream => stream.Write(png));
        return $"![{title}](mixture/{name}.png)\n";
    }
}
