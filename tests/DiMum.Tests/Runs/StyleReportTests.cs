using DiMum.Metrics;
using DiMum.Runs;
using DiMum.Runs.Report;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>What the report of a run on styles shows besides. Made-up numbers.</summary>
public class StyleReportTests
{
    private static readonly string[] Five = ["EraseDiff", "SalUn", "DiMUM"];

    private static Evaluation At(int step, double ar, double alternative) =>
        new(
            step,
            ReportFixture.Rate(ar),
            ReportFixture.Rate(alternative),
            ReportFixture.Rate(0.9),
            new Measured(3, 100, 2, 4, "Fréchet", "synthetic"),
            null,
            null,
            ReportFixture.Rate(0.8)
        );

    private static AttackResult Attack(double highest, params double[] alternatives)
    {
        Evaluation[] curve = [.. alternatives.Select((a, i) => At(100 * i, i == 1 ? highest : 0, a))];
        return new("ii-b", curve, CurveMaximum.Of([.. curve.Select(e => e.ArUnlearned)]), 100, 100, 0.1);
    }

    private static RunResults Run(params double[] highest) =>
        ReportFixture.Bare() with
        {
            Pretrained = At(0, 0.99, 0.002),
            Methods =
            [
                .. Five.Zip(
                    highest,
                    (name, ar) =>
                        new MethodResult(name, "as published", "synthetic", 10, 10, 0.1, [], At(10, 0, 0.7), [Attack(ar, 0.7, 0.5, 0.6)])
                ),
            ],
        };

    [Test]
    public void The_lowest_rate_of_a_curve_has_a_corrected_interval_around_it()
    {
        var lowest = StyleTables.Lowest(Attack(1, 0.7, 0.5, 0.6));
        var alone = AccuracyRate.Interval(250, 500);
        Assert.That((lowest.Value, lowest.N), Is.EqualTo((0.5, 500L)));
        Assert.That(lowest.Low, Is.LessThan(alone.Low).And.GreaterThan(alone.Low - 0.03));
        Assert.That(lowest.High, Is.GreaterThan(alone.High).And.LessThan(alone.High + 0.03));
        Assert.That(lowest.Metric, Does.Contain("lowest of 3"));
    }

    [Test]
    public void Tables_and_charts_are_those_of_Table_IV_and_Figures_10_and_11()
    {
        var run = Run(0.9, 0.5, 0.1);
        var tables = Tables.All(run);
        Assert.That(tables.Select(t => t.Caption), Has.One.Contains("Paper, Table IV:").And.None.Contains("Table II"));
        var ours = tables.Single(t => t.Caption.EndsWith("in the shape of Table IV", StringComparison.Ordinal));
        Assert.That(
            ours.Header,
            Is.EqualTo(new[] { "Model", "Fréchet distance", "Object accuracy", "AR_u", "AR_a (ii-b)", "AR_alt (ii-b)" })
        );
        Assert.That(ours.Rows.Select(r => r[^2].Main), Is.EqualTo(new[] { "–", "90.0\u00a0%", "50.0\u00a0%", "10.0\u00a0%" }));
        Assert.That(ours.Rows.Skip(1).Select(r => r[^1].Main), Is.All.EqualTo("50.0\u00a0%"));
        Assert.That(Charts.Of(run).Select(c => c.Name), Is.SupersetOf(new[] { "ar-attack-ii-b", "ar-alternative-ii-b" }));
        Assert.That(Charts.Of(ReportFixture.Run()).Select(c => c.Name), Has.None.Contains("alternative"));
    }

    [TestCase(0.9, 0.5, 0.1, "agrees with that order")]
    [TestCase(0.1, 0.5, 0.9, "contradicts that order in 3 of 3 pairs")]
    public void The_order_is_Table_IV_s(double eraseDiff, double salUn, double diMum, string verdict)
    {
        string[] sentences = [.. OrderSummary.Of(Run(eraseDiff, salUn, diMum))];
        Assert.That(sentences[0], Does.Contain("EraseDiff ≥ SalUn ≥ DiMUM"));
        Assert.That(sentences[1], Does.Contain(verdict));
    }
}
