using DiMum.Metrics;
using NUnit.Framework;

namespace DiMum.Tests.Metrics;

public class RateComparisonTests
{
    // Fisher's tea: 3 of 4 against 1 of 4 has p = 34/70; Newcombe (1998), table II, (a) 56/70 against 48/80: 0.0524…0.3339.
    [Test]
    public void Two_rates_compare_as_published()
    {
        Assert.That(TwoProportions.Compare(3, 4, 1, 4).PValue, Is.EqualTo(34.0 / 70).Within(1e-9));
        var newcombe = TwoProportions.Compare(56, 70, 48, 80);
        Assert.That(newcombe.Difference, Is.EqualTo(0.2).Within(1e-12));
        Assert.That(newcombe.Low, Is.EqualTo(0.0524).Within(5e-5));
        Assert.That(newcombe.High, Is.EqualTo(0.3339).Within(5e-5));
    }

    [Test]
    public void Rates_that_the_images_can_not_tell_apart_are_called_alike()
    {
        Assert.That(TwoProportions.Compare(50, 100, 55, 100).Alike(), Is.True);
        Assert.That(TwoProportions.Compare(5000, 10000, 5500, 10000).Alike(), Is.False);
        Assert.That(TwoProportions.Compare(0, 50, 0, 20).PValue, Is.EqualTo(1).Within(1e-12));
        var (there, back) = (TwoProportions.Compare(7, 30, 20, 45), TwoProportions.Compare(20, 45, 7, 30));
        Assert.That(back.PValue, Is.EqualTo(there.PValue).Within(1e-12));
        Assert.That((back.Low, back.High), Is.EqualTo((-there.High, -there.Low)));
    }

    [Test]
    public void The_highest_of_many_has_a_wider_interval_than_one()
    {
        var one = CurveMaximum.Of([(30, 100)], "AR_a", "m");
        var (low, high) = AccuracyRate.Interval(30, 100);
        Assert.That((one.Low, one.High), Is.EqualTo((low, high)));
        var many = CurveMaximum.Of([(3, 100), (30, 100), (12, 100), (29, 100)], "AR_a", "m");
        Assert.That(many.Value, Is.EqualTo(0.3));
        Assert.That(many.Low, Is.LessThan(low));
        Assert.That(many.High, Is.GreaterThan(high));
        Assert.That(many.Metric, Does.Contain("K = 4"));
    }

    // Equal true rates p: the corrected interval of the maximum covers p in at least 95 % of draws; the uncorrected interval of the best point does not.
    [Test]
    public void The_corrected_interval_covers_the_true_maximum()
    {
        var random = new Random(1);
        var (corrected, plain) = (0, 0);
        const int draws = 400;
        for (var i = 0; i < draws; i++)
        {
            var points = Enumerable
                .Range(0, 10)
                .Select(_ => ((long)Enumerable.Range(0, 60).Count(_ => random.NextDouble() < 0.3), 60L))
                .ToList();
            var maximum = CurveMaximum.Of(points, "AR_a", "m");
            var (low, high) = AccuracyRate.Interval(points.Max(p => p.Item1), 60);
            corrected += maximum.Low <= 0.3 && 0.3 <= maximum.High ? 1 : 0;
            plain += low <= 0.3 && 0.3 <= high ? 1 : 0;
        }

        Assert.That(corrected, Is.GreaterThanOrEqualTo(0.95 * draws));
        Assert.That(plain, Is.LessThan(0.95 * draws));
    }
}
