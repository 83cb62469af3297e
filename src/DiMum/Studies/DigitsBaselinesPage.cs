using DiMum.Runs;
using DiMum.Unlearning;

namespace DiMum.Studies;

/// <summary>The page of <see cref="DigitsBaselines"/>: tables, and sentences that the intervals decide.</summary>
internal sealed class DigitsBaselinesPage
{
    private static readonly Measure ArUnlearned = new("AR_u, %", r => r.Final.ArUnlearned.Value, 100, "f1");
    private static readonly Measure Accuracy = new("retained accuracy, %", r => r.Final.RetainedAccuracy!.Value, 100, "f1");
    private static readonly Measure Frechet = new("Fréchet", r => r.Final.Frechet!.Value, 1, "f2");
    private static readonly Measure RetainAttack = new("highest AR_a (i), %", r => r.Under("i")!.HighestAr.Value, 100, "f1");
    private static readonly Measure TestAttack = new("highest AR_a (ii-a), %", r => r.Under("ii-a")!.HighestAr.Value, 100, "f1");
    private static readonly Measure[] Measures = [ArUnlearned, RetainAttack, TestAttack, Accuracy, Frechet];

    private readonly MarkdownPage page = new();
    private readonly IReadOnlyList<DigitsCell> cells;
    private readonly int planned;
    private readonly List<MethodSettings> methods;

    public DigitsBaselinesPage(IReadOnlyList<DigitsCell> cells, int planned)
    {
        (this.cells, this.planned) = (cells, planned);
        methods = [.. cells.SelectMany(c => c.Methods).DistinctBy(m => m.Label)];
    }

    public string Write()
    {
        page.Line("# All methods, as published and as released, on the built-in digits");
        page.Line();
        page.Line("`dimum study digits-baselines`");
        page.Line();
        if (cells.Count == 0)
        {
            page.Line($"None of the {planned} cells is finished.");
            return page.ToString();
        }

        Setting();
        Findings();
        Table();
        Pooled();
        Settings();
        return page.ToString();
    }

    private void Setting()
    {
        var e = DigitsBaselines.Setting(1, 0, []);
        var pretrained = cells.Select(c => c.Results.Pretrained).ToList();
        page.Line(
            cells.Count == planned
                ? $"All {planned} cells (a class unlearned and a seed each) are in: seeds {Seeds()}, classes 0–9."
                : $"**{cells.Count} of {planned} cells are in** (a class unlearned and a seed each): {In()}. The others are not run yet."
        );
        page.Line(
            $"A cell: pre-training of {e.Pretrain.Iterations} steps of batch {e.Pretrain.BatchSize} (shared by a seed's cells), unlearning, then DiMRA of {e.Attack.Iterations} steps of batch {e.Attack.BatchSize} at lr "
                + $"{Measure.Number(e.Attack.Rate, "g3")}, measured at {string.Join(", ", e.Attack.EvaluateAt)} and {e.Attack.Iterations}. Each AR rests on {e.Evaluate.Images} images a cell, retained accuracy and Fréchet distance (classifier's"
        );
        page.Line(
            $"features, not FID) on {e.Evaluate.RetainedImages}. Pre-trained: AR {Mean(pretrained.Select(p => p.ArUnlearned.Value), 100, "f1")} %, retained accuracy {Mean(pretrained.Select(p => p.RetainedAccuracy!.Value), 100, "f1")} %, "
                + $"Fréchet {Mean(pretrained.Select(p => p.Frechet!.Value), 1, "f2")}."
        );
        page.Line("Rates and weights: chosen on seed 7, class 3, without attacks ([digits-tuning](digits-tuning.md)).");
        page.Line(
            "Brackets: 95 % Student intervals over the cells, which were trained apart but share a pre-trained network with their seed's others."
        );
        page.Line();
    }

    private void Table()
    {
        page.Line(
            "| method | reading | "
                + string.Join(" | ", Measures.Select(m => m.Name))
                + " | iterations (updates) | ms an iteration | cells |"
        );
        page.Line("|---|---|" + string.Concat(Measures.Select(_ => "---|")) + "---|---|---|");
        foreach (var m in methods)
        {
            var results = Results(m.Label);
            page.Line(
                $"| {m.Name} | {results[0].Reading} | "
                    + string.Join(" | ", Measures.Select(x => x.Show(Of(m.Label, x))))
                    + $" | {results[0].Iterations} ({results[0].Updates}) | {Measure.Number(1000 * Measure.Median(results.Select(r => r.SecondsPerIteration)), "f0")} | {results.Count} |"
            );
        }

        page.Line();
        page.Line(
            "The highest AR_a is that of the measured steps, 0 included, and so leans upwards. Milliseconds are medians of a run that shared its machine:"
        );
        page.Line("compare them with each other, not with other machines.");
        page.Line();
    }

    private void Pooled()
    {
        page.Line("## All images of a method pooled, exact binomial");
        page.Line();
        page.Line(
            "Clopper–Pearson over images as if they were independent, which those of one cell are not: narrower than the table above, and given for comparison only."
        );
        page.Line();
        page.Line("| method | reading | AR_u, % | highest AR_a (i), % | highest AR_a (ii-a), % |");
        page.Line("|---|---|---|---|---|");
        foreach (var m in methods)
        {
            var results = Results(m.Label);
            page.Line(
                $"| {m.Name} | {results[0].Reading} | {Measure.Binomial(results.Select(r => r.Final.ArUnlearned))} | {Measure.Binomial(results.Select(r => r.Under("i")!.HighestAr))} | {Measure.Binomial(results.Select(r => r.Under("ii-a")!.HighestAr))} |"
            );
        }

        page.Line();
    }

    private void Settings()
    {
        page.Line("## Settings");
        page.Line();
        foreach (var m in methods)
        {
            var r = Results(m.Label)[0];
            page.Line(
                $"* {m.Name}, {r.Reading}: {m.Iterations} iterations of batch {m.BatchSize}, lr {Measure.Number(m.Rate, "g3")}; {r.Source}"
            );
        }

        page.Line();
        foreach (var (name, value) in cells[0].Results.Environment)
            page.Line($"* {name}: {value}");
    }

    private void Findings()
    {
        page.Line("## Findings");
        page.Line();
        Verdict();
        foreach (var attack in new[] { RetainAttack, TestAttack })
            Ranking(attack);
        NotForgotten();
        Readings();
        Cost();
        page.Line();
    }

    // In words, what the intervals of the paired differences below decide.
    private void Verdict()
    {
        if (methods.TrueForAll(m => m.Label != "DiMUM"))
            return;
        var lower = Baselines
            .Where(m => new[] { RetainAttack, TestAttack }.Any(a => Difference(m.Label, "DiMUM", a) is { LeavesZeroOut: true, Mean: < 0 }))
            .Select(m => m.Name)
            .ToList();
        page.Line(
            lower.Count == 0
                ? "* No published baseline withstands an attack better than DiMUM beyond the interval of the difference."
                : $"* **DiMUM is not the most robust method here**: {string.Join(", ", lower)} ends lower under an attack, beyond the interval of the difference. The paper's order does not hold whole."
        );
    }

    // A method whose numbers, found on one class, leave others where they were.
    private void NotForgotten()
    {
        var there = methods
            .Where(m => m.Name != "fine-tune-retain" && Of(m.Label, ArUnlearned).High > 0.1)
            .Select(m => $"{m.Label} ({ArUnlearned.Show(Of(m.Label, ArUnlearned))})")
            .ToList();
        if (there.Count > 0)
            page.Line(
                $"* AR_u before any attack reaches above 10 % by its interval for {string.Join(", ", there)}: numbers that were chosen on one class do not carry over to all others, and what the attack brings back starts there."
            );
    }

    private IEnumerable<MethodSettings> Baselines =>
        methods.Where(m => m.Reading == MethodReading.AsPublished && m.Name is not ("retrain" or "DiMUM"));

    // Order of the published readings, and which differ from DiMUM beyond the interval of the paired difference.
    private void Ranking(Measure attack)
    {
        var published = methods.Where(m => m.Reading == MethodReading.AsPublished && m.Name != "retrain").ToList();
        var order = published.OrderBy(m => Of(m.Label, attack).Mean).ToList();
        page.Line(
            $"* {attack.Name}, published readings, lowest first: "
                + string.Join(", ", order.Select(m => $"{m.Name} {attack.Show(Of(m.Label, attack).Mean)}"))
                + "."
        );
        if (methods.TrueForAll(m => m.Label != "DiMUM"))
            return;
        page.Line(
            $"  Difference from DiMUM, cell by cell, in points: {attack.Apart(order.Where(m => m.Name != "DiMUM").Select(m => (m.Name, Difference(m.Label, "DiMUM", attack))))}."
        );
    }

    private void Readings()
    {
        page.Line(
            "* As released less as published, cell by cell, where the interval leaves 0 out. A reading comes with its own numbers (below: rate, balance, sparsity), so a difference is that of reading and numbers"
        );
        page.Line("  together; one trap at a time, all else equal, is measured in [findings](../findings.md).");
        foreach (var released in methods.Where(m => m.Reading != MethodReading.AsPublished && methods.Exists(p => p.Label == m.Name)))
        {
            var seen = Measures
                .Select(x => (Measure: x, Difference: Difference(released.Label, released.Name, x)))
                .Where(p => p.Difference.LeavesZeroOut)
                .Select(p => $"{p.Measure.Name} {p.Measure.Show(p.Difference)}")
                .ToList();
            page.Line(
                $"  * {released.Name}, {Results(released.Label)[0].Reading}: {(seen.Count == 0 ? "no measure differs beyond its interval" : string.Join("; ", seen))}."
            );
        }
    }

    private void Cost()
    {
        if (methods.TrueForAll(m => m.Label is not "DiMUM") || methods.TrueForAll(m => m.Label is not "fine-tune-retain"))
            return;
        var accuracy = Difference("DiMUM", "fine-tune-retain", Accuracy);
        var frechet = Difference("DiMUM", "fine-tune-retain", Frechet);
        var time =
            Measure.Median(Results("DiMUM").Select(r => r.SecondsPerIteration))
            / Measure.Median(Results("fine-tune-retain").Select(r => r.SecondsPerIteration));
        page.Line(
            $"* Cost of DiMUM, against fine-tuning on the retain set: retained accuracy {Accuracy.Show(accuracy)} points, Fréchet {Frechet.Show(frechet)}, {Measure.Number(time, "f1")} times the time an iteration."
        );
    }

    private List<MethodResult> Results(string label) => [.. cells.Select(c => c.Of(label)).OfType<MethodResult>()];

    private CellMean Of(string label, Measure measure) => CellMean.Of([.. Results(label).Select(measure.Of)]);

    private CellMean Difference(string label, string from, Measure measure) =>
        CellMean.Of([
            .. cells
                .Where(c => c.Of(label) is not null && c.Of(from) is not null)
                .Select(c => measure.Of(c.Of(label)!) - measure.Of(c.Of(from)!)),
        ]);

    private string Seeds() => string.Join(", ", cells.Select(c => c.Seed).Distinct());

    private string In() =>
        string.Join("; ", cells.GroupBy(c => c.Seed).Select(g => $"seed {g.Key}: classes {string.Join(", ", g.Select(c => c.Class))}"));

    private static string Mean(IEnumerable<double> values, double unit, string format) => Measure.Number(unit * values.Average(), format);
}
