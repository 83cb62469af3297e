using DiMum.Metrics;
using MathNet.Numerics.Distributions;
using MathNet.Numerics.LinearAlgebra;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Metrics;

/// <summary>Rates, their maxima and the distance's jackknife interval, against their formulas; and what they refuse.</summary>
public class RateDetailTests
{
    [TestCase(0, 0, 1, 2)]
    [TestCase(1, 2, 0, 0)]
    [TestCase(-1, 2, 1, 2)]
    [TestCase(3, 2, 1, 2)]
    [TestCase(1, 2, -1, 2)]
    [TestCase(1, 2, 3, 2)]
    public void Two_rates_of_impossible_counts_are_refused(int count1, int n1, int count2, int n2) =>
        Assert.That(
            () => TwoProportions.Compare(count1, n1, count2, n2),
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains($"{count1} of {n1} and {count2} of {n2}")
        );

    [Test]
    public void Rates_of_one_image_and_of_all_images_are_taken()
    {
        Assert.That(TwoProportions.Compare(1, 1, 0, 1).PValue, Is.EqualTo(1).Within(1e-12));
        Assert.That(TwoProportions.Compare(0, 1, 1, 1).Difference, Is.EqualTo(-1));
        Assert.That(TwoProportions.Compare(5, 5, 0, 5).PValue, Is.EqualTo(2.0 / 252).Within(1e-12)); // 1/C(10,5), both ways
    }

    [Test]
    public void Rates_at_the_level_itself_are_alike()
    {
        var compared = TwoProportions.Compare(3, 4, 1, 4);
        Assert.That(compared.Alike(compared.PValue));
        Assert.That(compared.Alike(compared.PValue * 1.001), Is.False);
    }

    [TestCase(0)]
    [TestCase(4)]
    public void Hits_count_among_one_to_all_classes(int k)
    {
        using var scope = NewDisposeScope();
        Assert.That(
            () => AccuracyRate.Hits(zeros(2, 3), zeros(2, ScalarType.Int64), k),
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("expected 1…3")
        );
    }

    private static Measured Rate(long count, long n, string of, string metric = "AR_a") => AccuracyRate.Of(count, n, metric, of);

    [Test]
    public void The_maximum_of_a_curve_is_its_best_point_and_reaches_as_far_as_any()
    {
        var points = new[] { (Count: 30L, N: 100L), (3, 4), (1, 200) };
        var best = CurveMaximum.Of([.. points.Select((p, i) => Rate(p.Count, p.N, $"step {i}"))]);
        var intervals = points.Select(p => AccuracyRate.Interval(p.Count, p.N, 1 - 0.05 / 3)).ToArray();
        Assert.That((best.Value, best.N, best.Of), Is.EqualTo((0.75, 4L, "step 1")));
        Assert.That(best.Low, Is.EqualTo(intervals.Max(i => i.Low)));
        Assert.That(best.High, Is.EqualTo(intervals.Max(i => i.High)));
        Assert.That(best.Low, Is.EqualTo(intervals[1].Low).Or.EqualTo(intervals[0].Low).And.GreaterThan(intervals[2].Low));
    }

    [Test]
    public void Points_measured_in_unlike_ways_have_no_maximum() =>
        Assert.That(() => CurveMaximum.Of([Rate(1, 2, "a"), Rate(1, 2, "b", "AR_u")]), Throws.InvalidOperationException);

    [Test]
    public void Blanks_in_an_identity_tell_nothing_apart()
    {
        Measured One(string metric) => new(1, 1, 0, 1, metric, "o");
        Assert.That(
            () => One("FID (a )").DifferenceFrom(One("FID (a)")),
            Throws.InvalidOperationException.With.Message.EndsWith("nothing of that against nothing of that")
        );
    }

    // groups of uneven means and sizes, d = 2
    private static FeatureMoments[] Groups(double spread)
    {
        var random = new Random(4);
        return
        [
            .. new[] { 5, 9, 6 }.Select(
                (n, g) =>
                {
                    var moments = new FeatureMoments(2);
                    moments.Add(Matrix<double>.Build.Dense(n, 2, (_, _) => random.NextDouble() + spread * g));
                    return moments;
                }
            ),
        ];
    }

    [TestCase(2.0)]
    [TestCase(0.0)]
    public void The_distance_s_interval_is_the_jackknife_s(double spread)
    {
        var groups = Groups(spread);
        var reference = new Frechet(
            Vector<double>.Build.Dense([5.0, 5]),
            Matrix<double>.Build.DenseOfArray(
                new[,]
                {
                    { 1.0, 0.2 },
                    { 0.2, 1 },
                }
            )
        );
        double Of(params FeatureMoments[] some)
        {
            var all = some.Aggregate(new FeatureMoments(2), (a, b) => a.Plus(b));
            return reference.To(all.Mean, all.Covariance);
        }

        double[] without = [Of(groups[1], groups[2]), Of(groups[0], groups[2]), Of(groups[0], groups[1])];
        var mean = (without[0] + without[1] + without[2]) / 3;
        var variance = 2.0 / 3 * without.Select(w => Math.Pow(w - mean, 2)).Sum();
        var reach = StudentT.InvCDF(0, 1, 2, 0.975) * Math.Sqrt(variance);
        var measured = reference.To(groups, "m", "o");
        Assert.That(measured.Value, Is.EqualTo(Of(groups)).Within(1e-9));
        Assert.That(measured.N, Is.EqualTo(20));
        Assert.That(measured.High, Is.EqualTo(measured.Value + reach).Within(1e-6));
        Assert.That(measured.Low, Is.EqualTo(Math.Max(0, measured.Value - reach)).Within(1e-6));
        Assert.That(measured.Low, spread > 0 ? Is.Zero : Is.Positive, "both borders are seen");
    }

    [Test]
    public void Moments_above_256_dimensions_are_the_sums_that_they_say()
    {
        const int d = 257;
        using var scope = NewDisposeScope();
        using var generator = new Generator(2, CPU);
        var rows = randn([7, d], ScalarType.Float64, generator: generator) + 3;
        var moments = new FeatureMoments(d);
        moments.Add(rows[..3]);
        moments.Add(rows[3..]);
        var centred = rows - rows.mean([0]);
        var expected = centred.t().matmul(centred) / 6;
        var got = tensor(moments.Covariance.ToRowMajorArray(), [d, d]);
        Assert.That((got - expected).abs().max().item<double>(), Is.LessThan(1e-12));
    }

    // Diagonal covariances: Σ (√a − √b)².
    [Test]
    public void Where_the_product_has_a_root_the_released_distance_adds_nothing_to_the_diagonals()
    {
        var (a, b) = (new[] { 1e-4, 4.0 }, new[] { 9e-4, 1.0 });
        var (mean, other) = (Vector<double>.Build.Dense([1.0, 2]), Vector<double>.Build.Dense([1.5, 4]));
        double Released(Func<Vector<double>, Matrix<double>, Vector<double>, Matrix<double>, double> of) =>
            of(mean, Matrix<double>.Build.DenseOfDiagonalArray(a), other, Matrix<double>.Build.DenseOfDiagonalArray(b));
        var expected = 0.25 + 4 + a.Zip(b, (x, y) => Math.Pow(Math.Sqrt(x) - Math.Sqrt(y), 2)).Sum();
        Assert.That(Released(ReleasedFrechet.WithEpsilon), Is.EqualTo(expected).Within(1e-12));
        Assert.That(Released(ReleasedFrechet.ByEigenvalues), Is.EqualTo(expected).Within(1e-12));
    }

    [Test]
    public void Nothing_has_no_maximum_no_moments_and_no_score_beyond_what_was_announced()
    {
        using var scope = NewDisposeScope();
        Assert.That(() => CurveMaximum.Of(Array.Empty<(long, long)>(), "m", "o"), Throws.ArgumentException);
        var moments = new FeatureMoments(2);
        moments.Add(zeros(0, 2));
        Assert.That((moments.Count, moments.Mean.Sum()), Is.EqualTo((0L, 0.0)), "and no NaN");
        var score = InceptionScore.InSplits(2, 1);
        Assert.That(() => score.Add(zeros(3, 2)), Throws.InvalidOperationException.With.Message.Contains("more than the 2 images"));
        Assert.That(() => KernelDistance.UStatistic(zeros(3, 2), zeros(4, 2)), Throws.ArgumentException.With.Message.Contains("3 and 4"));
    }
}
