using MathNet.Numerics.LinearAlgebra;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics;

/// <summary>
/// Count, mean and centred sum of outer products of feature vectors, in float64 and of constant size; two halves added are the whole. Centred
/// sums, joined by Chan, Golub and LeVeque's rule, keep their digits where the mean is large against the spread.
/// </summary>
public sealed class FeatureMoments
{
    private readonly double[] mean; // [d]
    private readonly double[] scatter; // Σ (x−μ)(x−μ)ᵀ, [d,d]

    public FeatureMoments(int dimension)
        : this(dimension, 0, new double[dimension], new double[(long)dimension * dimension]) { }

    private FeatureMoments(int dimension, long count, double[] mean, double[] scatter) =>
        (Dimension, Count, this.mean, this.scatter) = (dimension, count, mean, scatter);

    /// <summary>n, the number of vectors.</summary>
    public long Count { get; private set; }

    /// <summary>d.</summary>
    public int Dimension { get; }

    /// <summary>Adds rows, [n,d].</summary>
    public void Add(Matrix<double> rows)
    {
        using var tensor = torch.tensor(rows.ToRowMajorArray(), [rows.RowCount, rows.ColumnCount]);
        Add(tensor);
    }

    /// <summary>Adds rows of any floating type, [n,d].</summary>
    public void Add(Tensor rows)
    {
        if (rows.dim() != 2 || rows.shape[1] != Dimension)
            throw new ArgumentException($"expected [n,{Dimension}], got [{string.Join(',', rows.shape)}]");
        var n = rows.shape[0];
        if (n == 0)
            return;
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var x = rows.to(ScalarType.Float64).cpu();
        var center = x.mean([0]); // [d]
        var centred = x - center; // [n,d]
        AddProduct(centred);
        Join(center.data<double>().ToArray(), n, 1);
    }

    /// <summary>The moments of both; with <paramref name="sign"/> −1 those of what remains when <paramref name="other"/> is taken away.</summary>
    public FeatureMoments Plus(FeatureMoments other, int sign = 1)
    {
        var result = new FeatureMoments(Dimension, Count, [.. mean], [.. scatter]);
        if (other.Count == 0)
            return result;
        using var none = no_grad();
        using var scope = NewDisposeScope();
        if (sign < 0 && other.Count == Count)
            return new FeatureMoments(Dimension);
        Shared(result.scatter, Dimension, Dimension).add_(Shared(other.scatter, Dimension, Dimension), sign);
        result.Join(other.mean, other.Count, sign);
        return result;
    }

    /// <summary>μ, [d].</summary>
    public Vector<double> Mean => Vector<double>.Build.DenseOfArray(mean);

    /// <summary>Σ, unbiased, [d,d].</summary>
    /// <exception cref="UserError">There are fewer than 2 vectors.</exception>
    public Matrix<double> Covariance =>
        Count >= 2
            ? Matrix<double>.Build.Dense(Dimension, Dimension, [.. scatter.Select(v => v / (Count - 1))])
            : throw new UserError($"a covariance needs at least 2 images, got {Count}");

    /// <summary>Count, mean and scatter, to be kept in a file.</summary>
    internal (long Count, double[] Mean, double[] Scatter) Parts => (Count, mean, scatter);

    /// <summary>What <see cref="Parts"/> gave.</summary>
    internal static FeatureMoments Of(long count, double[] mean, double[] scatter) => new(mean.Length, count, mean, scatter);

    // With δ the difference of the means, n·m/(n+m)·δδᵀ joins two centred sums; taking away is adding with negative counts.
    private void Join(double[] center, long n, int sign)
    {
        var (before, after) = (Count, Count + sign * n);
        Count = after;
        var delta = center.Select((c, j) => c - mean[j]).ToArray();
        for (var j = 0; j < Dimension; j++)
            mean[j] += delta[j] * sign * n / after;
        if (before == 0)
            return;
        var weight = (double)before * sign * n / after;
        for (var i = 0; i < Dimension; i++)
        for (var j = 0; j < Dimension; j++)
            scatter[i * Dimension + j] += weight * delta[i] * delta[j];
    }

    // As SymmetricEigen: a library product's last bits depend on where memory lies, and a resumed run must end at the same bits.
    private void AddProduct(Tensor centred)
    {
        if (Dimension > SymmetricEigen.Managed)
        {
            Shared(scatter, Dimension, Dimension).addmm_(centred.t(), centred);
            return;
        }

        var rows = Matrix<double>.Build.DenseOfRowMajor((int)centred.shape[0], Dimension, centred.data<double>().ToArray());
        var product = rows.TransposeThisAndMultiply(rows).ToRowMajorArray();
        for (var k = 0; k < product.Length; k++)
            scatter[k] += product[k];
    }

    private static Tensor Shared(double[] values, long rows, long columns) => frombuffer(values, ScalarType.Float64).view(rows, columns);
}
