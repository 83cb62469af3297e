using MathNet.Numerics.Distributions;
using MathNet.Numerics.LinearAlgebra;

namespace DiMum.Metrics;

/// <summary>Count, sum and sum of outer products of feature vectors, in float64; two halves added are the whole.</summary>
public sealed class FeatureMoments(int dimension)
{
    private readonly Vector<double> sum = Vector<double>.Build.Dense(dimension);
    private readonly Matrix<double> outer = Matrix<double>.Build.Dense(dimension, dimension);

    public long Count { get; private set; }

    public int Dimension => dimension;

    /// <summary>Adds rows, [n,d].</summary>
    public void Add(Matrix<double> rows)
    {
        Count += rows.RowCount;
        sum.Add(rows.ColumnSums(), sum);
        outer.Add(rows.TransposeThisAndMultiply(rows), outer);
    }

    /// <summary>The moments of both.</summary>
    public FeatureMoments Plus(FeatureMoments other, int sign = 1)
    {
        var result = new FeatureMoments(dimension) { Count = Count + sign * other.Count };
        sum.Add(sign * other.sum, result.sum);
        outer.Add(sign * other.outer, result.outer);
        return result;
    }

    /// <summary>μ, [d].</summary>
    public Vector<double> Mean => sum / Count;

    /// <summary>Σ, unbiased, [d,d].</summary>
    public Matrix<double> Covariance
    {
        get
        {
            if (Count < 2)
                throw new UserError($"a covariance needs at least 2 images, got {Count}");
            return (outer - Count * Mean.OuterProduct(Mean)) / (Count - 1);
        }
    }
}

/// <summary>
/// Fréchet distance between Gaussians fitted to features: ‖μ₁−μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁^½ Σ₂ Σ₁^½)^½, by two symmetric
/// eigen-decompositions: real and stable for singular covariances. On Inception features this would be FID; here it is named by its features.
/// </summary>
public sealed class Frechet
{
    private readonly Vector<double> mean;
    private readonly Matrix<double> root; // Σ₁^½
    private readonly double trace;

    public Frechet(Vector<double> mean, Matrix<double> covariance)
    {
        this.mean = mean;
        trace = covariance.Trace();
        var eigen = covariance.Evd(Symmetricity.Symmetric);
        var scale = eigen.EigenValues.Map(v => Math.Sqrt(Math.Max(0, v.Real)));
        root = eigen.EigenVectors * Matrix<double>.Build.DenseOfDiagonalVector(scale) * eigen.EigenVectors.Transpose();
    }

    public Frechet(FeatureMoments reference)
        : this(reference.Mean, reference.Covariance) { }

    /// <summary>The distance from the reference to N(mean, covariance).</summary>
    public double To(Vector<double> otherMean, Matrix<double> covariance)
    {
        var inner = root * covariance * root;
        var values = ((inner + inner.Transpose()) / 2).Evd(Symmetricity.Symmetric).EigenValues;
        var cross = values.Sum(v => Math.Sqrt(Math.Max(0, v.Real)));
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
