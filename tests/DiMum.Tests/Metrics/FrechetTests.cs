using DiMum.Metrics;
using MathNet.Numerics.LinearAlgebra;
using NUnit.Framework;

namespace DiMum.Tests.Metrics;

/// <summary>Closed forms above the size at which LAPACK takes over, for covariances with and without Cholesky's factor.</summary>
public class FrechetTests
{
    private const int Dimension = 320;

    // Commuting covariances Q Λ Qᵀ and Q M Qᵀ: ‖δ‖² + Σ (√λ − √μ)². Zero eigenvalues leave no Cholesky factor.
    [TestCase(0, 0)]
    [TestCase(300, 0)]
    [TestCase(0, 300)]
    [TestCase(300, 200)]
    public void Large_covariances_with_and_without_rank_have_the_closed_form(int missing, int otherMissing)
    {
        var random = new Random(1);
        var q = Matrix<double>.Build.Dense(Dimension, Dimension, (_, _) => random.NextDouble() - 0.5).QR().Q;
        double[] Spectrum(int zeros) => [.. Enumerable.Range(0, Dimension).Select(i => i < zeros ? 0 : 0.1 + random.NextDouble())];
        var (lambda, mu) = (Spectrum(missing), Spectrum(otherMissing));
        Matrix<double> With(double[] values) => q * Matrix<double>.Build.DenseOfDiagonalArray(values) * q.Transpose();
        var (mean, other) = (Vector<double>.Build.Dense(Dimension, 1), Vector<double>.Build.Dense(Dimension, 1.5));
        var expected = 0.25 * Dimension + lambda.Zip(mu, (l, m) => Math.Pow(Math.Sqrt(l) - Math.Sqrt(m), 2)).Sum();
        // A true zero comes out of the product as rounding of ±ε·max, and its root is taken: √ε a dimension at the worst.
        var tolerance = missing + otherMissing == 0 ? 1e-9 * expected : 1e-6 * expected;
        Assert.That(new Frechet(mean, With(lambda)).To(other, With(mu)), Is.EqualTo(expected).Within(tolerance));
        Assert.That(new Frechet(other, With(mu)).To(mean, With(lambda)), Is.EqualTo(expected).Within(tolerance));
    }

    // Nearly singular: Cholesky's factor exists, but it would be rounding.
    [Test]
    public void A_nearly_singular_covariance_is_at_distance_zero_from_itself()
    {
        var random = new Random(2);
        var rows = Matrix<double>.Build.Dense(Dimension, 200, (_, _) => random.NextDouble() - 0.5);
        var sigma = rows * rows.Transpose() + 1e-13 * Matrix<double>.Build.DenseIdentity(Dimension);
        var mean = Vector<double>.Build.Dense(Dimension);
        Assert.That(new Frechet(mean, sigma).To(mean, sigma), Is.EqualTo(0).Within(1e-6 * sigma.Trace()));
    }
}
