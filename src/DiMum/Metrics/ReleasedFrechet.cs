using MathNet.Numerics.LinearAlgebra;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics;

/// <summary>
/// The Fréchet distance as released, by the root of the product Σ₁Σ₂. On covariances it is <see cref="Frechet"/>'s number; on matrices that are
/// none the readings part, and so do the means that guided-diffusion takes in float32.
/// </summary>
public static class ReleasedFrechet
{
    private const double Epsilon = 1e-6;

    /// <summary>
    /// As released (mseitzer/pytorch-fid@b9c1811, openai/guided-diffusion@22e0df8, GaParmar/clean-fid): where Σ₁Σ₂ has no square root,
    /// 10⁻⁶ is added to both diagonals first.
    /// </summary>
    public static double WithEpsilon(Vector<double> mean1, Matrix<double> sigma1, Vector<double> mean2, Matrix<double> sigma2)
    {
        var offset = HasRoot(sigma1 * sigma2) ? 0 : Epsilon;
        var identity = Matrix<double>.Build.DenseIdentity(sigma1.RowCount);
        var cross = TraceOfRoot((sigma1 + offset * identity) * (sigma2 + offset * identity));
        return Sum(mean1, sigma1, mean2, sigma2, cross);
    }

    /// <summary>As released (toshas/torch-fidelity@5e211a9): the roots of the eigenvalues of Σ₁Σ₂, added up whatever they are.</summary>
    public static double ByEigenvalues(Vector<double> mean1, Matrix<double> sigma1, Vector<double> mean2, Matrix<double> sigma2) =>
        Sum(mean1, sigma1, mean2, sigma2, TraceOfRoot(sigma1 * sigma2));

    /// <summary>
    /// As released (openai/guided-diffusion@22e0df8): activations in float32, their means summed row by row in float32, the means' distance a
    /// float32 as well (its products added as OpenBLAS adds short ones, in float64); covariances in float64.
    /// </summary>
    /// <param name="a">Activations, [n,d].</param>
    /// <param name="b">Activations, [m,d].</param>
    public static double GuidedDiffusion(Matrix<double> a, Matrix<double> b)
    {
        var (singleA, singleB) = (a.Map(v => (double)(float)v), b.Map(v => (double)(float)v));
        var shift = (float)Means(singleA).Zip(Means(singleB), (x, y) => x - y).Sum(delta => (double)(delta * delta));
        var zero = Vector<double>.Build.Dense(a.ColumnCount);
        return shift + new Frechet(zero, Covariance(singleA)).To(zero, Covariance(singleB));
    }

    private static IEnumerable<float> Means(Matrix<double> rows) =>
        rows.EnumerateColumns().Select(column => column.Aggregate(0f, (sum, v) => sum + (float)v) / rows.RowCount);

    private static Matrix<double> Covariance(Matrix<double> rows)
    {
        var moments = new FeatureMoments(rows.ColumnCount);
        moments.Add(rows);
        return moments.Covariance;
    }

    private static double Sum(Vector<double> mean1, Matrix<double> sigma1, Vector<double> mean2, Matrix<double> sigma2, double cross) =>
        (mean1 - mean2).DotProduct(mean1 - mean2) + sigma1.Trace() + sigma2.Trace() - 2 * cross;

    // Re Σ √λᵢ, the trace of the principal root.
    private static double TraceOfRoot(Matrix<double> product)
    {
        using var scope = NewDisposeScope();
        var square = tensor(product.ToRowMajorArray(), [product.RowCount, product.ColumnCount]);
        var values = linalg.eigvals(square); // complex128 [d]
        return values
            .real.data<double>()
            .Zip(values.imag.data<double>(), (re, im) => new System.Numerics.Complex(re, im))
            .Sum(z => System.Numerics.Complex.Sqrt(z).Real);
    }

    // The principal root exists where the eigenvalue 0 has as many eigenvectors as its multiplicity: rank P = rank P².
    private static bool HasRoot(Matrix<double> product) => product.Rank() == (product * product).Rank();
}
