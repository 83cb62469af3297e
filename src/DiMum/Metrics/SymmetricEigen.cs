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
        var (values, vectors) = linalg.eigh(Torch(Symmetric(a)));
        return (
            values.data<double>().ToArray(),
            Matrix<double>.Build.DenseOfRowMajor(a.RowCount, a.RowCount, vectors.contiguous().data<double>().ToArray())
        );
    }

    /// <summary>Λ [d].</summary>
    public static double[] Values(Matrix<double> a)
    {
        if (a.RowCount <= Managed)
            return Of(a).Values;
        using var none = no_grad();
        using var scope = NewDisposeScope();
        return linalg.eigvalsh(Torch(Symmetric(a))).data<double>().ToArray();
    }

    /// <summary>Aᵀ B A.</summary>
    public static Matrix<double> Between(Matrix<double> a, Matrix<double> b)
    {
        if (a.RowCount <= Managed)
            return a.TransposeThisAndMultiply(b) * a;
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var (left, middle) = (Torch(a), Torch(b));
        var product = left.t().mm(middle).mm(left).contiguous();
        return Matrix<double>.Build.DenseOfRowMajor(a.ColumnCount, a.ColumnCount, product.data<double>().ToArray());
    }

    private static Matrix<double> Symmetric(Matrix<double> a) => (a + a.Transpose()) / 2;

    private static Tensor Torch(Matrix<double> a) => tensor(a.ToRowMajorArray(), [a.RowCount, a.ColumnCount]);
}
