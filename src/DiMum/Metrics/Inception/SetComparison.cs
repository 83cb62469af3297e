using DiMum.Data;
using DiMum.Diffusion;
using MathNet.Numerics.LinearAlgebra;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics.Inception;

/// <summary>Means and covariances of features, computed here or read from a file.</summary>
/// <param name="Pool">FID's.</param>
/// <param name="Spatial">sFID's, where there are any.</param>
/// <param name="Count">Images; 0 where a file doesn't say.</param>
/// <param name="Of">Which images.</param>
/// <param name="Given">Whether they were read from a file, which states neither network nor protocol.</param>
public sealed record FeatureStatistics(
    (Vector<double> Mean, Matrix<double> Covariance) Pool,
    (Vector<double> Mean, Matrix<double> Covariance)? Spatial,
    long Count,
    string Of,
    bool Given
)
{
    private const double Largest = 1e100; // squares and products stay finite

    public static FeatureStatistics From(ImageSetFeatures features) =>
        new(
            (features.Pool.Mean, features.Pool.Covariance),
            features.Spatial.Dimension > 0 ? (features.Spatial.Mean, features.Spatial.Covariance) : null,
            features.Count,
            features.Of,
            false
        );

    /// <summary>Whether a path is an <c>.npz</c> of statistics: <c>mu</c> and <c>sigma</c> and no samples.</summary>
    public static bool IsIn(string path)
    {
        if (!File.Exists(path))
            return false;
        using var npz = new Npz(path);
        return npz.Has("mu", "sigma") && !npz.Has("arr_0");
    }

    /// <summary>Reads <c>mu</c>, <c>sigma</c> (pytorch-fid's layout) and <c>mu_s</c>, <c>sigma_s</c> (guided-diffusion's).</summary>
    /// <exception cref="UserError">Arrays are missing, of wrong shape, not finite, or no covariance.</exception>
    public static FeatureStatistics Read(string path)
    {
        using var npz = new Npz(path);
        (Vector<double>, Matrix<double>) Pair(string mean, string covariance)
        {
            var ((mu, shape), (sigma, square)) = (npz.Doubles(mean), npz.Doubles(covariance));
            var d = mu.Length;
            if (d == 0)
                throw npz.Bad(mean, "is empty, expected the mean of d ≥ 1 features");
            if (shape.Length != 1 || !square.SequenceEqual([d, d]))
                throw npz.Bad(
                    covariance,
                    $"is [{string.Join(',', square)}] and '{mean}' [{string.Join(',', shape)}], expected [d,d] and [d]"
                );
            var matrix = Matrix<double>.Build.Dense(d, d, sigma);
            var scale = sigma.Max(Math.Abs);
            if (scale > Largest || mu.Max(Math.Abs) > Largest)
                throw npz.Bad(
                    covariance,
                    FormattableString.Invariant($"has magnitude {scale:g3}: no features are that large; make it again")
                );
            if ((matrix - matrix.Transpose()).Enumerate().Any(v => Math.Abs(v) > 1e-6 * scale) || matrix.Diagonal().Any(v => v < 0))
                throw npz.Bad(covariance, "is no covariance: it is not symmetric or has a negative variance");
            var eigenvalues = SymmetricEigen.Values(matrix / (scale > 0 ? scale : 1));
            if (eigenvalues.Min() < -1e-6 * d)
                throw npz.Bad(
                    covariance,
                    FormattableString.Invariant(
                        $"is no covariance: it has the eigenvalue {eigenvalues.Min() * scale:g3}, expected none below 0"
                    )
                );
            return (Vector<double>.Build.Dense(mu), matrix);
        }

        var of = $"{npz.Path} ({ContentHash.OfFile(npz.Path, "statistics")[..16]})";
        return new(Pair("mu", "sigma"), npz.Has("mu_s", "sigma_s") ? Pair("mu_s", "sigma_s") : null, 0, of, true);
    }
}

/// <summary>Numbers that compare two sets of images, each under its full identity.</summary>
public static class SetComparison
{
    private const int Subsets = 100;
    private const int SubsetSize = 1000;
    private const int Neighbours = 3;

    /// <summary>FID, and sFID where both sides have its features.</summary>
    /// <param name="samples">The samples' statistics.</param>
    /// <param name="reference">The reference's.</param>
    /// <param name="identity">Network, protocol and how much of the reference counts.</param>
    /// <param name="distance">The name of a distance on these features, FID for FID's network.</param>
    /// <exception cref="UserError">Features of unlike numbers of dimensions.</exception>
    public static IReadOnlyList<Measured> Frechet(
        FeatureStatistics samples,
        FeatureStatistics reference,
        string identity,
        string distance = "FID"
    )
    {
        var given = new[] { samples, reference }.Where(s => s.Given).Select(s => s.Of).ToList();
        var how = given.Count == 0 ? identity : $"{identity}; statistics given by {string.Join(" and ", given)}, which states no network";
        var of = $"{samples.Of} against {reference.Of}";
        List<Measured> result = [One(distance, samples.Pool, reference.Pool)];
        if (samples.Spatial is { } a && reference.Spatial is { } b)
            result.Add(One(distance.Contains("FID") ? distance.Replace("FID", "sFID") : $"spatial-{distance}", a, b));
        return result;

        Measured One(string name, (Vector<double> Mean, Matrix<double> Covariance) x, (Vector<double> Mean, Matrix<double> Covariance) y)
        {
            if (x.Mean.Count != y.Mean.Count)
                throw new UserError(
                    $"{name}: {samples.Of} has features of {x.Mean.Count} dimensions, {reference.Of} of {y.Mean.Count}; they are of unlike networks"
                );
            var value = new Frechet(y.Mean, y.Covariance).To(x.Mean, x.Covariance);
            // Biased by the number of samples: at unlike counts two values do not compare.
            var count = samples.Count > 0 ? $"{samples.Count} samples" : "samples of unstated number";
            return new(Math.Max(0, value), samples.Count, double.NaN, double.NaN, $"{name} ({how}; {count})", of);
        }
    }

    /// <summary>KID, precision, recall and, on a network of ImageNet's classes, the samples' Inception Score.</summary>
    /// <param name="samples">The samples' features.</param>
    /// <param name="reference">The reference's.</param>
    /// <param name="identity">Network, protocol and how much of the reference counts.</param>
    /// <param name="seed">Draws KID's subsets.</param>
    /// <param name="prefix">Before the names, see <see cref="IFeatureNetwork.Prefix"/>.</param>
    /// <param name="score">Whether there is an Inception Score.</param>
    public static IReadOnlyList<Measured> Others(
        ImageSetFeatures samples,
        ImageSetFeatures reference,
        string identity,
        Seed seed,
        string prefix = "",
        bool score = true
    )
    {
        var of = $"{samples.Of} against {reference.Of}";
        var (x, y) = (samples.Kept, reference.Kept);
        var size = (int)Math.Min(SubsetSize, Math.Min(x.shape[0], y.shape[0]));
        var kept = $"{x.shape[0]} and {y.shape[0]} evenly spaced images";
        var each = KernelDistance.OnSubsets(x, y, Draw(x.shape[0], y.shape[0], size, seed));
        var kid = each.Average();
        var deviation = Math.Sqrt(each.Average(v => (v - kid) * (v - kid)));
        List<Measured> result =
        [
            new(
                kid,
                samples.Count,
                kid - deviation,
                kid + deviation,
                $"{prefix}KID ({identity}; {Subsets} subsets of {size} of {kept}; ± their deviation)",
                of
            ),
        ];
        if (Math.Min(x.shape[0], y.shape[0]) > Neighbours)
        {
            var (precision, recall) = Manifold.Compare(y, x, Neighbours, $"{identity}; k = {Neighbours}, {kept}; exact 95 %", of, prefix);
            result.AddRange([precision, recall]);
        }

        if (!score)
            return result;
        var (mean, spread) = samples.Score;
        result.Add(new(mean, samples.Count, mean - spread, mean + spread, $"{prefix}IS ({identity}; ± deviation over splits)", samples.Of));
        return result;
    }

    private static IEnumerable<(long[] X, long[] Y)> Draw(long n, long m, int size, Seed seed)
    {
        for (var s = 0; s < Subsets; s++)
        {
            using var generator = seed.At("kid", s).Generator();
            yield return (Some(n, size, generator), Some(m, size, generator));
        }
    }

    // Disposed of at once: left to the collector, these small blocks split the holes that the next subset's kernels (8 MB each) would have filled.
    private static long[] Some(long count, int size, Generator generator)
    {
        using var order = randperm(count, ScalarType.Int64, generator: generator);
        return [.. order.data<long>().Take(size)];
    }
}
