using System.Globalization;
using DiMum.Metrics;

namespace DiMum.Runs.Report;

/// <summary>Two methods' rates of one kind, and whether their images tell them apart.</summary>
/// <param name="What">Which rate: AR_u, or AR_a under an assumption at the last step that both were measured at.</param>
/// <param name="First">One method.</param>
/// <param name="FirstRate">Its rate.</param>
/// <param name="Second">The other.</param>
/// <param name="SecondRate">Its rate.</param>
/// <param name="Test">Fisher's exact test, and the difference with Newcombe's interval.</param>
/// <param name="Tests">How many pairs are tested on this rate; the level 5 % is shared among them (Bonferroni).</param>
internal sealed record Pair(
    string What,
    string First,
    Measured FirstRate,
    string Second,
    Measured SecondRate,
    TwoProportions Test,
    int Tests
)
{
    public bool Apart => !Test.Alike(0.05 / Tests);

    /// <summary><c>p = 0.031</c>.</summary>
    public string P =>
        Test.PValue < 0.0001
            ? "p < 0.0001"
            : $"p = {Test.PValue.ToString(Test.PValue < 0.01 ? "0.####" : "0.00", CultureInfo.InvariantCulture)}";
}

/// <summary>
/// Every pair of a run's methods under the two-proportion test. All models draw from the same start noise, so their rates rise and fall together
/// and the test, which takes them as independent, errs towards not telling apart.
/// </summary>
internal static class Pairs
{
    /// <summary>The pairs, rate by rate; rates that were measured in unlike ways make none.</summary>
    public static IReadOnlyList<Pair> Of(RunResults run) =>
        [
            .. On("AR_u after unlearning", run.Methods.Select(m => (Labels.Method(run, m), m.Final.ArUnlearned))),
            .. Labels.AssumptionsOf(run).SelectMany(a => AfterAttack(run, a)),
        ];

    /// <summary>One sentence a rate.</summary>
    public static IEnumerable<string> Sentences(RunResults run)
    {
        foreach (var rate in Of(run).GroupBy(p => p.What))
        {
            string[] apart = [.. rate.Where(p => p.Apart).Select(Ordered)];
            string[] alike =
            [
                .. rate.Where(p => !p.Apart)
                    .Select(p =>
                        $"{p.First} and {p.Second} ({Numbers.Percent(p.FirstRate.Value)} and {Numbers.Percent(p.SecondRate.Value)}, {p.P})"
                    ),
            ];
            long[] n = [.. rate.SelectMany(p => new[] { p.FirstRate.N, p.SecondRate.N }).Distinct().Order()];
            var size = n.Length == 1 ? Numbers.Count(n[0]) : $"{Numbers.Count(n[0])} to {Numbers.Count(n[^1])}";
            yield return $"{rate.Key}, n = {size}: "
                + (apart.Length > 0 ? $"told apart are {Numbers.Listed(apart)}" : "no two methods can be told apart")
                + (
                    alike.Length == 0 ? ""
                    : apart.Length > 0 ? $"; not told apart at this n: {Numbers.Listed(alike)}"
                    : $": {Numbers.Listed(alike)}"
                )
                + ".";
        }
    }

    /// <summary>All pairs as a table.</summary>
    public static Table? Table(RunResults run)
    {
        var pairs = Of(run);
        return pairs.Count == 0
            ? null
            : new Table(
                "Which methods can be told apart",
                "Difference of the two rates in percentage points with Newcombe’s 95 % interval, and Fisher’s exact test; the level 5 % is shared "
                    + "among the pairs of one rate (Bonferroni). All models draw from the same start noise, which this test does not use: it errs "
                    + "towards not telling apart.",
                ["Rate", "Methods", "Difference", "Test", "Told apart"],
                [.. pairs.Select(Row)]
            );
    }

    private static IReadOnlyList<Cell> Row(Pair p) =>
        [
            new(p.What),
            new($"{p.First} − {p.Second}", $"{Numbers.Percent(p.FirstRate.Value)} and {Numbers.Percent(p.SecondRate.Value)}"),
            new(Points(p.Test.Difference), $"{Points(p.Test.Low)} to {Points(p.Test.High)}"),
            new(p.P, $"level {(0.05 / p.Tests).ToString("0.####", CultureInfo.InvariantCulture)}"),
            new(p.Apart ? "yes" : $"not at n = {Numbers.Count(Math.Min(p.FirstRate.N, p.SecondRate.N))}"),
        ];

    private static string Ordered(Pair p)
    {
        var (high, low) = p.Test.Difference > 0 ? (p.First, p.Second) : (p.Second, p.First);
        var (above, below) = p.Test.Difference > 0 ? (p.FirstRate, p.SecondRate) : (p.SecondRate, p.FirstRate);
        return $"{high} above {low} ({Numbers.Percent(above.Value)} and {Numbers.Percent(below.Value)}, {p.P})";
    }

    private static string Points(double difference) => (100 * difference).ToString("+0.0;−0.0;0.0", CultureInfo.InvariantCulture);

    private static IReadOnlyList<Pair> AfterAttack(RunResults run, string assumption)
    {
        var attacked = run
            .Methods.Select(m => (Label: Labels.Method(run, m), Curve: m.Under(assumption)?.Curve ?? []))
            .Where(m => m.Curve.Count > 0)
            .ToArray();
        if (attacked.Length == 0)
            return [];
        var common = attacked.Select(m => m.Curve.Select(e => e.Step)).Aggregate((a, b) => a.Intersect(b)).ToArray();
        if (common.Length == 0)
            return [];
        var last = common.Max();
        return On(
            $"AR_a ({assumption}) at attack step {Numbers.Count(last)}",
            attacked.Select(m => (m.Label, m.Curve.First(e => e.Step == last).ArUnlearned))
        );
    }

    private static IReadOnlyList<Pair> On(string what, IEnumerable<(string Label, Measured Rate)> rates)
    {
        var all = rates.Where(r => double.IsFinite(r.Rate.Value) && r.Rate.N > 0).ToArray();
        var pairs = all.SelectMany((a, i) => all.Skip(i + 1).Select(b => (A: a, B: b)))
            .Where(p => p.A.Rate.Metric == p.B.Rate.Metric)
            .ToArray();
        return [.. pairs.Select(p => new Pair(what, p.A.Label, p.A.Rate, p.B.Label, p.B.Rate, Compare(p.A.Rate, p.B.Rate), pairs.Length))];
    }

    private static TwoProportions Compare(Measured a, Measured b) =>
        TwoProportions.Compare((long)Math.Round(a.Value * a.N), a.N, (long)Math.Round(b.Value * b.N), b.N);
}
