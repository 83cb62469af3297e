using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics;

/// <summary>
/// Improved precision and recall (Kynkäänniemi et al. 2019): a set's manifold is the union of balls around its points, each as wide as the
/// distance to the k-th nearest other point, border included. Squared distances, in float64; what lies outside a border by no more than their
/// rounding, 10⁻¹²·(‖a‖² + ‖b‖²), lies on it.
/// </summary>
public sealed class Manifold
{
    private const long Chunk = 1024;
    private const double Rounding = 1e-12;
    private readonly Tensor points; // [n,d]
    private readonly Tensor norms; // ‖xᵢ‖², [n]
    private readonly Tensor radii; // squared, [n]

    private Manifold(Tensor points, Tensor norms, Tensor radii) => (this.points, this.norms, this.radii) = (points, norms, radii);

    /// <summary>The manifold of points [n,d]; the caller's dispose scope keeps it.</summary>
    /// <param name="points">[n,d], n > k.</param>
    /// <param name="k">Which neighbour, the point itself not counted; guided-diffusion takes 3.</param>
    /// <exception cref="UserError">There are not more than k points.</exception>
    public static Manifold Of(Tensor points, int k)
    {
        if (points.shape[0] <= k)
            throw new UserError($"precision and recall with k = {k} need more than {k} images a side, got {points.shape[0]}");
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var x = points.to(ScalarType.Float64, copy: true).MoveToOuterDisposeScope();
        var norms = SquaredNorms(x).MoveToOuterDisposeScope();
        var radii = Chunks(x).Select(part => Nearest(part, x, norms, k)).ToList();
        return new(x, norms, cat(radii).MoveToOuterDisposeScope());
    }

    /// <summary>r²(xᵢ), float64 [n].</summary>
    public Tensor SquaredRadii => radii;

    /// <summary>How many of the points [m,d] lie on the manifold.</summary>
    public long Covers(Tensor others)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        return Chunks(others.to(ScalarType.Float64)).Sum(Inside);
    }

    /// <summary>Shares of generated points on the real manifold, and of real points on the generated one, exact binomial intervals.</summary>
    public static (Measured Precision, Measured Recall) Compare(
        Tensor real,
        Tensor generated,
        int k,
        string identity,
        string of,
        string prefix = ""
    )
    {
        using var scope = NewDisposeScope();
        var precision = Of(real, k).Covers(generated);
        var recall = Of(generated, k).Covers(real);
        return (
            AccuracyRate.Of(precision, generated.shape[0], $"{prefix}precision ({identity})", of),
            AccuracyRate.Of(recall, real.shape[0], $"{prefix}recall ({identity})", of)
        );
    }

    // The point itself is at distance 0, hence the (k+1)-th smallest. A scope a chunk: all distances of 10,000 points would be 800 MB.
    private static Tensor Nearest(Tensor part, Tensor all, Tensor norms, int k)
    {
        using var scope = NewDisposeScope();
        return SquaredDistances(part, all, norms).kthvalue(k + 1, 1).values.MoveToOuterDisposeScope();
    }

    private long Inside(Tensor part)
    {
        using var scope = NewDisposeScope();
        return SquaredDistances(part, points, norms, Rounding).le(radii).any(1).sum().item<long>();
    }

    private static IEnumerable<Tensor> Chunks(Tensor x)
    {
        for (long from = 0; from < x.shape[0]; from += Chunk)
            yield return x.narrow(0, from, Math.Min(Chunk, x.shape[0] - from));
    }

    // In chunks: the squares of 10,000 Inception features would be another 164 MB.
    private static Tensor SquaredNorms(Tensor x) => cat(Chunks(x).Select(part => part.square().sum(1)).ToList());

    // (‖a‖² + ‖b‖²)·(1 − slack) − 2⟨a,b⟩, not below 0: [a,b]
    private static Tensor SquaredDistances(Tensor a, Tensor b, Tensor normsOfB, double slack = 0)
    {
        using var scope = NewDisposeScope();
        var (aa, bb) = (SquaredNorms(a).unsqueeze(1) * (1 - slack), normsOfB * (1 - slack));
        return a.mm(b.t()).mul_(-2).add_(aa).add_(bb).clamp_min_(0).MoveToOuterDisposeScope();
    }
}
