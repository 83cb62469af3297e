using DiMum.Metrics;
using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Metrics;

/// <summary>Metrics at the borders of what they take, and what they do there.</summary>
public class BorderTests
{
    private static Matrix<double> Covariance(int d) =>
        Matrix<double>.Build.Random(d, 2 * d, 5) is var x ? x.TransposeAndMultiply(x) / d : throw new InvalidOperationException();

    private static bool IsLower(Matrix<double> a) => a.EnumerateIndexed(Zeros.AllowSkip).All(e => e.Item2 <= e.Item1 || e.Item3 == 0);

    [TestCase(255)]
    [TestCase(256)]
    public void Up_to_256_dimensions_algebra_is_managed_and_the_same_bits_everywhere(int d)
    {
        var a = Covariance(d);
        var own = ((a + a.Transpose()) / 2).Evd(Symmetricity.Symmetric);
        Assert.That(SymmetricEigen.Of(a).Values, Is.EqualTo(own.EigenValues.Select(v => v.Real)));
        Assert.That(SymmetricEigen.Values(a), Is.EqualTo(own.EigenValues.Select(v => v.Real)));
        Assert.That(IsLower(SymmetricEigen.Root(a)), Is.False, "roots are taken by eigenvectors");
        Assert.That(SymmetricEigen.Between(a, a), Is.EqualTo(a.TransposeThisAndMultiply(a) * a));
    }

    [Test]
    public void Above_256_dimensions_a_well_conditioned_root_is_cholesky_s()
    {
        var a = Covariance(257);
        var root = SymmetricEigen.Root(a);
        Assert.That(IsLower(root));
        Assert.That((root * root.Transpose() - a).Enumerate().Max(Math.Abs), Is.LessThan(1e-10));
    }

    [Test]
    public void A_singular_covariance_has_a_root_of_its_rank_and_nothing_has_one_column()
    {
        var few = Matrix<double>.Build.Random(8, 3, 1);
        var a = few.TransposeAndMultiply(few);
        var root = SymmetricEigen.Root(a);
        Assert.That(root.ColumnCount, Is.EqualTo(3));
        Assert.That((root * root.Transpose() - a).Enumerate().Max(Math.Abs), Is.LessThan(1e-12));
        var none = SymmetricEigen.Root(Matrix<double>.Build.Dense(4, 4));
        Assert.That((none.RowCount, none.ColumnCount, none.Enumerate().Max(Math.Abs)), Is.EqualTo((4, 1, 0.0)));
    }

    [Test]
    public void A_manifold_needs_more_points_than_neighbours_and_keeps_its_own_points()
    {
        using var scope = NewDisposeScope();
        Assert.That(() => Manifold.Of(zeros(3, 2), 3), Throws.TypeOf<UserError>().With.Message.Contains("more than 3 images"));
        var x = randn([6, 2], ScalarType.Float64);
        var manifold = Manifold.Of(x, 3);
        var same = x.clone();
        x.fill_(1e9);
        Assert.That(manifold.Covers(same), Is.EqualTo(6), "the manifold does not follow the caller's tensor");
    }

    [Test]
    public void Points_of_every_chunk_count()
    {
        using var scope = NewDisposeScope();
        var manifold = Manifold.Of(tensor(new double[] { 0, 1, 2, 3 }, [4, 1]), 1);
        Assert.That(manifold.Covers(full([2500, 1], 1.5, ScalarType.Float64)), Is.EqualTo(2500));
    }

    // c−v is as far from c as c+v is, but far from the origin rounding says otherwise for one in two.
    [Test]
    public void A_border_belongs_to_the_manifold_whatever_rounding_says()
    {
        using var scope = NewDisposeScope();
        var random = new Random(3);
        var inside = 0L;
        for (var trial = 0; trial < 60; trial++)
        {
            double[] c = [1000 + random.NextDouble(), 500 * random.NextDouble()];
            double[] v = [random.Next(1, 1 << 20) / 1048576.0, random.Next(1, 1 << 20) / 1048576.0];
            var pair = tensor(new[] { c[0], c[1], c[0] + v[0], c[1] + v[1] }, [2, 2]);
            inside += Manifold.Of(pair, 1).Covers(tensor(new[] { c[0] - v[0], c[1] - v[1] }, [1, 2]));
        }

        Assert.That(inside, Is.EqualTo(60));
    }

    [Test]
    public void Kernel_sums_have_a_diagonal_only_where_the_kernel_is_square()
    {
        using var scope = NewDisposeScope();
        Assert.That(KernelDistance.Sums(ones(3, 2), ones(2, 2)).Diagonal, Is.NaN);
        Assert.That(KernelDistance.Sums(ones(2, 2), ones(2, 2)).Diagonal, Is.EqualTo(16)); // 2·(2/2 + 1)³
        Assert.That(() => KernelDistance.Unbiased(ones(1, 2), ones(2, 2)), Throws.TypeOf<UserError>().With.Message.Contains("at least 2"));
        Assert.That(KernelDistance.Unbiased(ones(2, 2), ones(2, 2)), Is.Zero.Within(1e-12));
    }

    [Test]
    public void An_impossible_class_adds_nothing_to_the_score()
    {
        using var scope = NewDisposeScope();
        var score = InceptionScore.InSplits(2, 1);
        score.Add(tensor(new[] { 0.0, -2000, 0, -2000 }, [2, 2]));
        Assert.That(score.Result.Mean, Is.EqualTo(1));
    }

    [Test]
    public void The_score_s_deviation_is_the_populations_over_splits()
    {
        using var scope = NewDisposeScope();
        var score = InceptionScore.InSplits(4, 2);
        // Two images of one class: 1; two of different classes: 2.
        score.Add(tensor(new[] { 0.0, -2000, 0, -2000, 0, -2000, -2000, 0 }, [4, 2]));
        Assert.That(score.Splits, Is.EqualTo(new[] { 1.0, 2 }).Within(1e-12));
        Assert.That(score.Result.Mean, Is.EqualTo(1.5).Within(1e-12));
        Assert.That(score.Result.Deviation, Is.EqualTo(0.5).Within(1e-12));
    }

    [Test]
    public void Moments_take_rows_of_their_dimension_and_a_covariance_needs_two()
    {
        using var scope = NewDisposeScope();
        var moments = new FeatureMoments(2);
        Assert.That(() => moments.Add(zeros(2)), Throws.ArgumentException);
        Assert.That(() => moments.Add(zeros(1, 3)), Throws.ArgumentException);
        moments.Add(tensor(new double[] { 1, 2 }, [1, 2]));
        Assert.That(() => moments.Covariance, Throws.TypeOf<UserError>().With.Message.Contains("at least 2 images, got 1"));
        moments.Add(tensor(new double[] { 3, 2 }, [1, 2]));
        Assert.That(moments.Covariance.ToRowMajorArray(), Is.EqualTo(new double[] { 2, 0, 0, 0 }));
    }

    [TestCase(-1, 5)]
    [TestCase(6, 5)]
    [TestCase(0, 0)]
    public void A_rate_of_impossible_counts_is_refused(int count, int n) =>
        Assert.That(() => AccuracyRate.Of(count, n, "m", "o"), Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public void Unlike_identities_are_named_both_ways()
    {
        Measured One(string metric) => new(1, 1, 0, 1, metric, "o");
        Assert.That(
            () => One("FID (a; b)").DifferenceFrom(One("FID (a)")),
            Throws.InvalidOperationException.With.Message.EndsWith("'b' against nothing of that")
        );
    }
}
