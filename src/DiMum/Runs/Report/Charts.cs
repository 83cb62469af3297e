using DiMum.Metrics;
using ScottPlot;

namespace DiMum.Runs.Report;

/// <summary>
/// A drawn chart: the file name it has in figures/, what it shows in words, and its picture for light and for dark pages.
/// </summary>
internal sealed record Chart(string Name, string Alt, string Caption, byte[] Light, byte[] Dark);

/// <summary>
/// Which charts a report has: the paper's Figs. 5–7 and 10 (AR_a during the attack), Fig. 11 (AR_alt during it), Fig. 2 (Fréchet during unlearning) and what explains them.
/// </summary>
internal static class Charts
{
    private static readonly Axis OwnRun = new("share of the method’s own run", true);

    public static IReadOnlyList<Chart> Of(RunResults run) =>
        [
            .. Labels.AssumptionsOf(run).Select(a => Attack(run, a)),
            .. StyleTables.Suit(run) ? Labels.AssumptionsOf(run).Select(a => Alternative(run, a)) : [],
            .. new[] { FrechetDuringUnlearning(run), ArDuringUnlearning(run), Retained(run) }.OfType<Chart>(),
        ];

    /// <summary>AR_a against the attack's steps, a line and a band a method.</summary>
    public static Chart Attack(RunResults run, string assumption)
    {
        Series[] series =
        [
            .. run
                .Methods.Select(m => (Method: m, Attack: m.Under(assumption)))
                .Where(m => m.Attack is not null)
                .Select(m => Curve(run, m.Method, m.Attack!.Curve, e => e.ArUnlearned, step => step))
                .OfType<Series>(),
        ];
        string title = $"Does {Labels.Unlearned(run)} come back? Attack {assumption}, {Labels.AuxiliaryDataShort(assumption)}";
        return Draw(
            $"ar-attack-{FileName(assumption)}",
            $"{title}. {Ends(series)}",
            $"Assumption {assumption}: the attacker trains on {Labels.AuxiliaryData(assumption)}. "
                + "Bands are 95 % intervals of single steps.",
            theme =>
                Plots.Lines(
                    theme,
                    title,
                    new("attack step", false),
                    new($"taken for {Labels.Unlearned(run)} (AR_a)", true),
                    series,
                    RateGuides(run)
                )
        );
    }

    /// <summary>AR_alt against the attack's steps (Fig. 11).</summary>
    public static Chart Alternative(RunResults run, string assumption)
    {
        Series[] series =
        [
            .. run
                .Methods.Select(m => (Method: m, Attack: m.Under(assumption)))
                .Where(m => m.Attack is not null)
                .Select(m => Curve(run, m.Method, m.Attack!.Curve, e => e.ArAlternative, step => step))
                .OfType<Series>(),
        ];
        string title = $"Does the replacement stay? Attack {assumption}, {Labels.AuxiliaryDataShort(assumption)}";
        return Draw(
            $"ar-alternative-{FileName(assumption)}",
            $"{title}. {Ends(series)}",
            $"Share of images asked for as {Labels.Unlearned(run)} that the classifier takes for the replacement. Bands are 95 % intervals of single steps.",
            theme => Plots.Lines(theme, title, new("attack step", false), new("taken for the replacement (AR_alt)", true), series, [])
        );
    }

    private static Chart? FrechetDuringUnlearning(RunResults run)
    {
        Series[] series = UnlearningCurves(run, e => e.Frechet);
        const string title = "Fréchet distance of the retained classes during unlearning";
        Guide[] guides =
        [
            .. Reference("pre-trained", run.Pretrained.Frechet, LinePattern.Dashed),
            .. run
                .Methods.Where(m => m.Name == Labels.Retrain)
                .Take(1)
                .SelectMany(m => Reference("retrained", m.Final.Frechet, LinePattern.Dotted)),
        ];
        return series.Length == 0
            ? null
            : Draw(
                "frechet-unlearning",
                title,
                "Lower is closer to the real retained images. On the classifier’s own features: not FID. Each method’s run is "
                    + "stretched to the same length.",
                theme => Plots.Lines(theme, title, OwnRun, new("Fréchet distance", false), series, guides)
            );
    }

    private static Chart? ArDuringUnlearning(RunResults run)
    {
        Series[] series = UnlearningCurves(run, e => e.ArUnlearned);
        string title = $"How {Labels.Unlearned(run)} is forgotten during unlearning";
        return series.Length == 0
            ? null
            : Draw(
                "ar-unlearning",
                title,
                "How fast each method forgets. Each method’s run is stretched to the same length.",
                theme => Plots.Lines(theme, title, OwnRun, new($"taken for {Labels.Unlearned(run)} (AR_u)", true), series, RateGuides(run))
            );
    }

    private static Chart? Retained(RunResults run)
    {
        var models = run
            .Methods.Select(m => (Label: Labels.Method(run, m), Look: MethodLook.Of(run, m), Rate: m.Final.RetainedAccuracy))
            .Prepend(
                (
                    Label: "pre-trained",
                    Look: new MethodLook("#6B7682", MarkerShape.FilledSquare, LinePattern.Solid),
                    Rate: run.Pretrained.RetainedAccuracy
                )
            );
        Mark[] marks =
        [
            .. models
                .Where(m => m.Rate is not null && Finite(m.Rate))
                .Select(m => new Mark(m.Label, m.Look, m.Rate!.Value, Low(m.Rate), High(m.Rate))),
        ];
        const string title = "Retained accuracy after unlearning";
        return marks.Length < 2 // nothing to compare
            ? null
            : Draw(
                "retained-accuracy",
                title,
                "Share of images asked for as a retained class that the classifier takes for that class, with 95 % intervals: what "
                    + "forgetting cost the rest.",
                theme => Plots.Marks(theme, title, "retained accuracy", marks)
            );
    }

    private static Series[] UnlearningCurves(RunResults run, Func<Evaluation, Measured?> measure) =>
        [
            .. run
                .Methods.Where(m => m.Curve.Count > 0 && m.Name != Labels.Retrain)
                .Select(m => Curve(run, m, m.Curve, measure, step => (double)step / Math.Max(1, m.Curve.Max(e => e.Step))))
                .OfType<Series>(),
        ];

    private static Series? Curve(
        RunResults run,
        MethodResult method,
        IReadOnlyList<Evaluation> curve,
        Func<Evaluation, Measured?> measure,
        Func<int, double> x
    )
    {
        (double X, Measured M)[] points =
        [
            .. curve.Select(e => (X: x(e.Step), M: measure(e))).Where(p => p.M is not null && Finite(p.M)).Select(p => (p.X, p.M!)),
        ];
        return points.Length == 0
            ? null
            : new Series(
                Labels.Method(run, method),
                MethodLook.Of(run, method),
                [.. points.Select(p => p.X)],
                [.. points.Select(p => p.M.Value)],
                [.. points.Select(p => Low(p.M))],
                [.. points.Select(p => High(p.M))]
            );
    }

    private static Chart Draw(string name, string alt, string caption, Func<Theme, byte[]> draw) =>
        new(name, alt, caption, draw(Theme.Light), draw(Theme.Dark));

    private static Guide[] RateGuides(RunResults run) =>
        [.. Reference("pre-trained", run.Pretrained.ArUnlearned, LinePattern.Dashed), new("10 %", Findings.Mark, LinePattern.Dotted)];

    private static Guide[] Reference(string label, Measured? m, LinePattern pattern) =>
        m is not null && Finite(m) ? [new(label, m.Value, pattern)] : [];

    private static string Ends(IEnumerable<Series> series) =>
        string.Join("; ", series.Select(s => $"{s.Label} ends at {Numbers.Percent(s.Y[^1])}"));

    private static bool Finite(Measured m) => double.IsFinite(m.Value);

    private static double Low(Measured m) => double.IsFinite(m.Low) ? m.Low : m.Value;

    private static double High(Measured m) => double.IsFinite(m.High) ? m.High : m.Value;

    private static string FileName(string assumption) => string.Concat(assumption.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-'));
}
