using MathNet.Numerics.LinearAlgebra;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics;

/// <summary>
/// Eigenvalues and vectors of symmetric matrices, ascending. Small ones in managed code, which gives the same bits in every run; LAPACK, whose last
/// bits depend on where memory happens to lie, from the size at which managed code would take seconds.
/// </summary>
internal static class SymmetricEigen
{
    /// <summary>The largest d that a run's own measures have; above are Inception's.</summary>
    public const int Managed = 256;

    private const double Rounding = 2.2e-16;
    private const double WellConditioned = 1e-5; // of the pivots, roots of the matrix's own scale

    /// <summary>Λ [d] and V [d,d], A = V Λ Vᵀ; of A its symmetric part is taken.</summary>
    public static (double[] Values, Matrix<double> Vectors) Of(Matrix<double> a)
    {
        if (a.RowCount <= Managed)
        {
            var eigen = Symmetric(a).Evd(Symmetricity.Symmetric);
            return ([.. eigen.EigenValues.Select(v => v.Real)], eigen.EigenVectors);
        }

        using var none = no_grad();
        using var scope = NewDisposeScope();
        var (values, vectors) = linalg.eigh(SymmetricTorch(a));
        return (values.data<double>().ToArray(), Dense(vectors));
    }

    /// <summary>
    /// A [d,rank] with Σ = A Aᵀ: Cholesky's of a large well-conditioned matrix, a third of the work; else V Λ^½ without the eigenvalues that rounding
    /// leaves of zero (of fewer than d images most are, and their roots would be noise).
    /// </summary>
    public static Matrix<double> Root(Matrix<double> a)
    {
        if (a.RowCount > Managed && Cholesky(a) is { } lower)
            return lower;
        var (values, vectors) = Of(a);
        var zero = values.Max(Math.Abs) * (values.Length * Rounding);
        var kept = Enumerable.Range(0, values.Length).Where(i => values[i] > zero).DefaultIfEmpty(values.Length - 1);
        return Matrix<double>.Build.DenseOfColumnVectors(kept.Select(i => vectors.Column(i) * Math.Sqrt(Math.Max(0, values[i]))));
    }

    /// <summary>Λ [d].</summary>
    public static double[] Values(Matrix<double> a)
    {
        if (a.RowCount <= Managed)
            return Of(a).Values;
        using var none = no_grad();
        using var scope = NewDisposeScope();
        return linalg.eigvalsh(SymmetricTorch(a)).data<double>().ToArray();
    }

    /// <summary>Aᵀ B A.</summary>
    public static Matrix<double> Between(Matrix<double> a, Matrix<double> b)
    {
        if (a.RowCount <= Managed)
            return a.TransposeThisAndMultiply(b) * a;
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var (left, middle) = (Torch(a), Torch(b));
        return Dense(left.t().mm(middle).mm(left));
    }

    // Null where the matrix is singular, or so near to it that the factor would be rounding.
    private static Matrix<double>? Cholesky(Matrix<double> a)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var (lower, info) = linalg.cholesky_ex(SymmetricTorch(a));
        if (info.item<int>() != 0)
            return null;
        var pivots = lower.diagonal();
        return pivots.min().item<double>() > WellConditioned * pivots.max().item<double>() ? Dense(lower) : null;
    }

    private static Matrix<double> Symmetric(Matrix<double> a) => (a + a.Transpose()) / 2;

    private static Tensor SymmetricTorch(Matrix<double> a)
    {
        var x = Torch(a);
        return (x + x.t()).div_(2);
    }

    // MathNet's columns are torch's rows: no element moves but in copying.
    private static Tensor Torch(Matrix<double> a) =>
        tensor(a.AsColumnMajorArray() ?? a.ToColumnMajorArray(), [a.ColumnCount, a.RowCount]).t();

    private static Matrix<double> Dense(Tensor a) =>
        Matrix<double>.Build.Dense((int)a.shape[0], (int)a.shape[1], a.t().contiguous().data<double>().ToArray());
}
