using MathNet.Numerics.Distributions;
using MathNet.Numerics.LinearAlgebra;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics;

/// <summary>
/// Fréchet distance between Gaussians fitted to features: ‖μ₁−μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁^½ Σ₂ Σ₁^½)^½, by two symmetric
/// eigen-decompositions: real and stable for singular covariances. On FID-Inception features it is FID; it is named by its features.
/// </summary>
public sealed class Frechet
{
    private const double Rounding = 2.2e-16;
    private readonly Vector<double> mean;
    private readonly Matrix<double> factor; // A = V Λ^½ with Σ₁ = A Aᵀ; Aᵀ Σ₂ A has the eigenvalues of Σ₁^½ Σ₂ Σ₁^½
    private readonly double trace;

    public Frechet(Vector<double> mean, Matrix<double> covariance)
    {
        this.mean = mean;
        trace = covariance.Trace();
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var (values, vectors) = linalg.eigh(Symmetric(Of(covariance)));
        // Eigenvalues within rounding of zero are zero: of fewer than d images most are, and their roots would be noise.
        var rank = Math.Max(1, values.gt(values.abs().max() * (values.shape[0] * Rounding)).sum().item<long>());
        var from = values.shape[0] - rank; // ascending
        factor = Back(vectors.narrow(1, from, rank) * values.narrow(0, from, rank).clamp_min(0).sqrt()); // [d,rank]
    }

    public Frechet(FeatureMoments reference)
        : this(reference.Mean, reference.Covariance) { }

    /// <summary>The distance from the reference to N(mean, covariance).</summary>
    public double To(Vector<double> otherMean, Matrix<double> covariance)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var a = Of(factor);
        var cross = linalg.eigvalsh(Symmetric(a.t().mm(Of(covariance)).mm(a))).clamp_min_(0).sqrt_().sum().item<double>();
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

    private static Tensor Symmetric(Tensor matrix) => (matrix + matrix.t()) / 2;

    private static Tensor Of(Matrix<double> matrix) => tensor(matrix.ToRowMajorArray(), [matrix.RowCount, matrix.ColumnCount]);

    private static Matrix<double> Back(Tensor matrix) =>
        Matrix<double>.Build.DenseOfRowMajor((int)matrix.shape[0], (int)matrix.shape[1], matrix.contiguous().data<double>().ToArray());
}
