using MathNet.Numerics.Distributions;
using MathNet.Numerics.LinearAlgebra;

namespace DiMum.Metrics;

/// <summary>
/// Fréchet distance between Gaussians fitted to features: ‖μ₁−μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁^½ Σ₂ Σ₁^½)^½, by a
/// symmetric eigen-decomposition of AᵀΣ₂A with Σ₁ = A Aᵀ: real and stable for singular covariances. On FID-Inception features it is FID; it is named by its features.
/// </summary>
public sealed class Frechet
{
    private readonly Vector<double> mean;
    private readonly Matrix<double> factor; // A with Σ₁ = A Aᵀ; Aᵀ Σ₂ A has the eigenvalues of Σ₁^½ Σ₂ Σ₁^½
    private readonly double trace;

    public Frechet(Vector<double> mean, Matrix<double> covariance)
    {
        this.mean = mean;
        trace = covariance.Trace();
        factor = SymmetricEigen.Root(covariance);
    }

    public Frechet(FeatureMoments reference)
        : this(reference.Mean, reference.Covariance) { }

    /// <summary>The distance from the reference to N(mean, covariance).</summary>
    public double To(Vector<double> otherMean, Matrix<double> covariance)
    {
        var cross = SymmetricEigen.Values(SymmetricEigen.Between(factor, covariance)).Sum(v => Math.Sqrt(Math.Max(0, v)));
        return (mean - otherMean).DotProduct(mean - otherMean) + trace + covariance.Trace() - 2 * cross;
    }

    /// <summary>
    /// The distance to samples given as disjoint groups, with a 95 % interval by the delete-a-group jackknife (t with G−1 degrees): the groups
    /// carry the sampling error of the generated side; the reference is taken as given.
    /// </summary>
    public Measured To(IReadOnlyList<FeatureMoments> groups, string metric, string of)
    {
        var all = groups.Aggregate((a, b) => a.Plus(b));
        var value = To(all.Mean, all.Covariance);
        var without = groups.Select(g => all.Plus(g, -1)).Select(rest => To(rest.Mean, rest.Covariance)).ToArray();
        var average = without.Average();
        var count = groups.Count;
        var error = Math.Sqrt((count - 1.0) / count * without.Sum(w => (w - average) * (w - average)));
        var reach = StudentT.InvCDF(0, 1, count - 1, 0.975) * error;
        return new(value, all.Count, Math.Max(0, value - reach), value + reach, metric, of);
    }
}
