using DiMum.Metrics;
using DiMum.Runs;
using DiMum.Runs.Report;
using DiMum.Studies.Mixture;

namespace DiMum.Studies;

/// <summary>The page of <see cref="CanvasMini"/>: Table IV's shape over the seeds, and sentences that the intervals decide.</summary>
internal sealed class CanvasMiniPage(IReadOnlyList<RunResults> cells)
{
    private static readonly Measure Frechet = new("Fréchet", r => r.Final.Frechet!.Value, 1, "f2");
    private static readonly Measure Styles = Rate("retained styles, %", r => r.Final.RetainedAccuracy!);
    private static readonly Measure Objects = Rate("objects, %", r => r.Final.ObjectAccuracy!);
    private static readonly Measure ArUnlearned = Rate("AR_u, %", r => r.Final.ArUnlearned);
    private static readonly Measure Replaced = Rate("AR_alt, %", r => r.Final.ArAlternative);
    private static readonly Measure RetainAttack = Rate("highest AR_a (i), %", r => r.Under("i")!.HighestAr);
    private static readonly Measure SyntheticAttack = Rate("highest AR_a (ii-b), %", r => r.Under("ii-b")!.HighestAr);
    private static readonly Measure RetainAlternative = Rate("lowest AR_alt (i), %", r => StyleTables.Lowest(r.Under("i")!));
    private static readonly Measure SyntheticAlternative = Rate("lowest AR_alt (ii-b), %", r => StyleTables.Lowest(r.Under("ii-b")!));
    private static readonly Measure[] Before = [Frechet, Styles, Objects, ArUnlearned, Replaced];
    private static readonly Measure[] Attacked = [RetainAttack, SyntheticAttack, RetainAlternative, SyntheticAlternative];

    private readonly MarkdownPage page = new();

    private IEnumerable<string> Methods => cells[0].Methods.Select(m => m.Name);

    public string Write()
    {
        page.Line("# Unlearning a style, in miniature: six methods on MiniCanvas");
        page.Line();
        page.Line("`dimum study canvas-mini`");
        page.Line();
        if (cells.Count == 0)
        {
            page.Line($"None of the {CanvasMini.Seeds.Length} seeds is finished.");
            return page.ToString();
        }

        Setting();
        Pretrained();
        Findings();
        Tables();
        Pooled();
        Settings();
        return page.ToString();
    }

    private void Setting()
    {
        var e = CanvasMini.Setting(cells[0].Seed);
        var seeds = string.Join(", ", cells.Select(c => c.Seed));
        page.Line(
            cells.Count == CanvasMini.Seeds.Length
                ? $"All {cells.Count} seeds are in: {seeds}."
                : $"**{cells.Count} of {CanvasMini.Seeds.Length} seeds are in**: {seeds}. The others are not run yet."
        );
        page.Line(
            $"A seed trains its own autoencoder, text encoder, U-Net ({e.Pretrain.Iterations} steps of batch {e.Pretrain.BatchSize}) and classifiers. Each method unlearns {Labels.Unlearned(cells[0])}, the alternative is "
                + $"{string.Join(", ", cells[0].AlternativeClasses.Select(c => Labels.Class(cells[0], c)))};"
        );
        page.Line(
            $"DiMRA takes {e.Attack.Iterations} steps of batch {e.Attack.BatchSize} at lr {Measure.Number(e.Attack.Rate, "g3")}, measured at 0, {string.Join(", ", e.Attack.EvaluateAt)} and {e.Attack.Iterations}, on the retain set (i) and on {e.Attack.SyntheticImages} images that the"
        );
        page.Line(
            $"pre-trained model synthesised under the retain prompts (ii-b). AR_u, AR_a and AR_alt rest on {e.Evaluate.Images} images a seed, top-1; styles, objects and the Fréchet distance (classifier's features, not FID) on {e.Evaluate.RetainedImages}."
        );
        page.Line(
            "Rates: chosen on seed 7, without attacks ([canvas-tuning](canvas-tuning.md)). Brackets: 95 % Student intervals over the seeds, rates cut to 0…100."
        );
        page.Line();
    }

    private void Pretrained()
    {
        page.Line("## The pre-trained models");
        page.Line();
        page.Header(
            "seed",
            $"AR of {Labels.Unlearned(cells[0])}, %",
            "retained styles, %",
            "objects, %",
            "Fréchet",
            "style classifier on test images, %"
        );
        foreach (var c in cells)
            page.Row(
                $"{c.Seed}",
                Measure.Binomial([c.Pretrained.ArUnlearned]),
                Measure.Binomial([c.Pretrained.RetainedAccuracy!]),
                Measure.Binomial([c.Pretrained.ObjectAccuracy!]),
                Frechet.Show(c.Pretrained.Frechet!.Value),
                Measure.Binomial([c.Classifier.TestAccuracy])
            );
        page.Row(
            "all, pooled",
            Measure.Binomial(cells.Select(c => c.Pretrained.ArUnlearned)),
            Measure.Binomial(cells.Select(c => c.Pretrained.RetainedAccuracy!)),
            Measure.Binomial(cells.Select(c => c.Pretrained.ObjectAccuracy!)),
            "",
            ""
        );
        page.Line();
    }

    private void Findings()
    {
        page.Line("## Findings");
        page.Line();
        page.Line("The paper's order, Table IV, highest AR_a: " + string.Join(" ≥ ", StyleTables.Order) + ".");
        foreach (var attack in new[] { RetainAttack, SyntheticAttack })
            Ranking(attack);
        foreach (var name in Methods.Where(m => Mean(m, ArUnlearned).High > 0.1))
            page.Line($"* {name} has not surely unlearned: AR_u {ArUnlearned.Show(Mean(name, ArUnlearned))} % before any attack.");
        page.Line();
    }

    // Order of the methods, and which differ from DiMUM beyond the interval of the difference, seed by seed.
    private void Ranking(Measure attack)
    {
        var order = Methods.OrderBy(m => Mean(m, attack).Mean).ToList();
        page.Line($"* {attack.Name}, lowest first: {string.Join(", ", order.Select(m => $"{m} {attack.Show(Mean(m, attack).Mean)}"))}.");
        page.Line(
            $"  Difference from DiMUM, seed by seed, in points: {attack.Apart(order.Where(m => m != "DiMUM").Select(m => (m, Difference(m, attack))))}."
        );
    }

    private void Tables()
    {
        page.Line("## Before the attack");
        page.Line();
        Table(Before);
        page.Line("## Under the attack, in the shape of Table IV");
        page.Line();
        Table(Attacked);
        page.Line("The highest AR_a and the lowest AR_alt are those of the measured steps, 0 included, and so lean up and down.");
        page.Line();
        page.Line("## Seed by seed");
        page.Line();
        page.Header(["method", "seed", .. Before.Concat(Attacked).Select(m => m.Name)]);
        foreach (var name in Methods)
        foreach (var cell in cells)
            page.Row([name, $"{cell.Seed}", .. Before.Concat(Attacked).Select(m => m.Show(m.Of(Of(cell, name))))]);
        page.Line();
    }

    private void Table(IReadOnlyList<Measure> measures)
    {
        page.Header(["method", .. measures.Select(m => m.Name)]);
        foreach (var name in Methods)
            page.Row([name, .. measures.Select(m => m.Show(Mean(name, m)))]);
        page.Line();
    }

    private void Pooled()
    {
        page.Line("## All images of a method pooled, exact binomial");
        page.Line();
        page.Line(
            "As if images were independent, which those of one seed are not: narrower than the tables above, and given for comparison only."
        );
        page.Line();
        page.Header("method", "objects, %", ArUnlearned.Name, RetainAttack.Name, SyntheticAttack.Name);
        foreach (var name in Methods)
        {
            var all = cells.Select(c => Of(c, name)).ToList();
            page.Row(
                name,
                Measure.Binomial(all.Select(r => r.Final.ObjectAccuracy!)),
                Measure.Binomial(all.Select(r => r.Final.ArUnlearned)),
                Measure.Binomial(all.Select(r => r.Under("i")!.HighestAr)),
                Measure.Binomial(all.Select(r => r.Under("ii-b")!.HighestAr))
            );
        }

        page.Line();
    }

    private void Settings()
    {
        page.Line("## Settings");
        page.Line();
        foreach (var m in CanvasMini.Setting(1).Unlearn.Methods.Where(m => Methods.Contains(m.Name)))
            page.Line(
                $"* {m.Name}: {m.Iterations} iterations of batch {m.BatchSize}, lr {Measure.Number(m.Rate, "g3")}; {Of(cells[0], m.Name).Source}; median {Measure.Number(1000 * Measure.Median(cells.Select(c => Of(c, m.Name).SecondsPerIteration)), "f0")} ms an iteration"
            );
        page.Line();
        foreach (var (name, value) in cells[0].Environment)
            page.Line($"* {name}: {value}");
    }

    private CellMean Mean(string method, Measure measure)
    {
        var values = cells.Select(c => measure.Of(Of(c, method)));
        return measure == Frechet ? CellMean.Of([.. values]) : CellFigures.Rate(values);
    }

    private CellMean Difference(string method, Measure measure) =>
        CellMean.Of([.. cells.Select(c => measure.Of(Of(c, method)) - measure.Of(Of(c, "DiMUM")))]);

    private static MethodResult Of(RunResults cell, string method) => cell.Methods.First(m => m.Name == method);

    private static Measure Rate(string name, Func<MethodResult, Measured> of) => new(name, r => of(r).Value, 100, "f1");
}
