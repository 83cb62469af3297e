using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Optimization;

/// <summary>
/// Gradient episodic memory's projection (Lopez-Paz and Ranzato 2017) as Scissorhands uses it (<c>project2cone2</c>, Scissorhands@73ae065): where
/// ⟨g, M_k⟩ &lt; 0 for any reference gradient, g ← g + Mᵀv with v = argmin ½·vᵀPv − qᵀv, v ≥ ½, P = MMᵀ + 1e-3·I, q = −Mg. v ≥ ½ is the
/// authors' margin: the smallest violation adds half of every reference.
/// </summary>
public sealed class GemProjection : IDisposable
{
    private const double Margin = 0.5;
    private const double Ridge = 1e-3;
    private readonly Tensor[] references; // [n] each
    private readonly double[,] p;

    /// <summary>Takes over the reference gradients, [n] each.</summary>
    public GemProjection(params Tensor[] references)
    {
        this.references = references;
        p = new double[references.Length, references.Length];
        for (var i = 0; i < references.Length; i++)
        for (var k = 0; k < references.Length; k++)
            p[i, k] = Dot(references[i], references[k]) + (i == k ? Ridge : 0);
    }

    /// <summary>Sees P, q and v of every projection that changes a gradient; for verification.</summary>
    internal Action<double[,], double[], double[]>? Seen { get; init; }

    /// <summary>Projects [n] in place; leaves it alone where it agrees with all references.</summary>
    public void Apply(Tensor gradient)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        double[] q = [.. references.Select(r => -Dot(r, gradient))];
        if (q.All(violation => violation <= 0))
            return;
        var v = Solve(p, q);
        Seen?.Invoke(p, q, v);
        for (var k = 0; k < v.Length; k++)
            gradient.add_(references[k], alpha: v[k]);
    }

    /// <summary>argmin ½·vᵀPv − qᵀv subject to v ≥ ½, P symmetric and positive definite: coordinate descent until nothing moves.</summary>
    public static double[] Solve(double[,] p, double[] q)
    {
        var v = Enumerable.Repeat(Margin, q.Length).ToArray();
        for (var sweep = 0; sweep < 10_000; sweep++)
        {
            var moved = 0.0;
            for (var i = 0; i < v.Length; i++)
            {
                var others = Enumerable.Range(0, v.Length).Where(k => k != i).Sum(k => p[i, k] * v[k]);
                var next = Math.Max(Margin, (q[i] - others) / p[i, i]);
                moved = Math.Max(moved, Math.Abs(next - v[i]) / next);
                v[i] = next;
            }

            if (moved <= 1e-14)
                break;
        }

        return v;
    }

    public void Dispose()
    {
        foreach (var reference in references)
            reference.Dispose();
    }

    private static double Dot(Tensor a, Tensor b)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        return a.to(ScalarType.Float64).dot(b.to(ScalarType.Float64)).ToDouble();
    }
}
