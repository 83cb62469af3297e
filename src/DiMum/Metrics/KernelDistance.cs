using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics;

/// <summary>
/// KID (Bińkowski et al. 2018): MMD² under k(x,y) = (⟨x,y⟩/d + 1)³, in float64. The unbiased estimate is KID; the others are what other tools print.
/// </summary>
public static class KernelDistance
{
    /// <summary>Sums of a kernel matrix: of all, of the diagonal (NaN where it is not square).</summary>
    public readonly record struct KernelSums(double All, double Diagonal);

    /// <summary>k of all pairs of rows [n,d] and [m,d]: float64 [n,m].</summary>
    public static Tensor Kernel(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (a.to(ScalarType.Float64), b.to(ScalarType.Float64));
        return x.mm(y.t()).div_(x.shape[1]).add_(1).pow(3).MoveToOuterDisposeScope();
    }

    /// <summary>Sums of k over all pairs of rows.</summary>
    public static KernelSums Sums(Tensor a, Tensor b)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var k = Kernel(a, b);
        return new(k.sum().item<double>(), k.shape[0] == k.shape[1] ? k.diagonal().sum().item<double>() : double.NaN);
    }

    /// <summary>Σ_{i≠j} k(xᵢ,xⱼ)/n(n−1) + Σ_{i≠j} k(yᵢ,yⱼ)/m(m−1) − 2 Σᵢⱼ k(xᵢ,yⱼ)/nm: zero on average for equal distributions, so it may be negative.</summary>
    /// <param name="x">[n,d], n ≥ 2.</param>
    /// <param name="y">[m,d], m ≥ 2.</param>
    public static double Unbiased(Tensor x, Tensor y)
    {
        var (n, m) = (Rows(x), Rows(y));
        return Within(Sums(x, x), n) + Within(Sums(y, y), m) - 2 * Sums(x, y).All / (n * m);
    }

    /// <summary>The same with i = j included: never negative, and above zero for equal distributions.</summary>
    public static double Biased(Tensor x, Tensor y)
    {
        var (n, m) = (Rows(x), Rows(y));
        return Sums(x, x).All / (n * n) + Sums(y, y).All / (m * m) - 2 * Sums(x, y).All / (n * m);
    }

    /// <summary>The u-statistic of n pairs (xᵢ,yᵢ): i ≠ j in the mixed term too; needs as many x as y.</summary>
    public static double UStatistic(Tensor x, Tensor y)
    {
        var n = Rows(x);
        return Rows(y) == n
            ? Within(Sums(x, x), n) + Within(Sums(y, y), n) - 2 * Within(Sums(x, y), n)
            : throw new ArgumentException($"expected as many rows in both, got {n} and {y.shape[0]}");
    }

    /// <summary>The unbiased estimate on each pair of subsets of rows, as indices.</summary>
    public static double[] OnSubsets(Tensor x, Tensor y, IEnumerable<(long[] X, long[] Y)> subsets)
    {
        using var none = no_grad();
        return subsets.Select(s => OnSubset(x, y, s.X, s.Y)).ToArray();
    }

    private static double OnSubset(Tensor x, Tensor y, long[] ofX, long[] ofY)
    {
        using var scope = NewDisposeScope();
        return Unbiased(x.index_select(0, tensor(ofX)), y.index_select(0, tensor(ofY)));
    }

    private static double Rows(Tensor x) =>
        x.shape[0] >= 2 ? x.shape[0] : throw new UserError($"KID needs at least 2 images a side, got {x.shape[0]}");

    private static double Within(KernelSums sums, double n) => (sums.All - sums.Diagonal) / (n * (n - 1));
}
