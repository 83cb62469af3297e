using MathNet.Numerics.Distributions;

namespace DiMum.Metrics;

/// <summary>Whether two rates differ: Fisher's exact test, and the difference with Newcombe's interval.</summary>
/// <param name="Difference">p̂₁ − p̂₂.</param>
/// <param name="Low">Lower end of the 95 % interval (Newcombe 1998, method 10: Wilson's intervals squared and added).</param>
/// <param name="High">Upper end.</param>
/// <param name="PValue">Two-sided, exact: total probability of the tables no likelier than the observed one.</param>
public sealed record TwoProportions(double Difference, double Low, double High, double PValue)
{
    /// <summary>Whether the rates can't be told apart at this n and level.</summary>
    public bool Alike(double level = 0.05) => PValue >= level;

    /// <summary>Compares count₁ of n₁ with count₂ of n₂.</summary>
    public static TwoProportions Compare(long count1, long n1, long count2, long n2)
    {
        if (n1 < 1 || n2 < 1 || count1 < 0 || count1 > n1 || count2 < 0 || count2 > n2)
            throw new ArgumentOutOfRangeException(
                nameof(count1),
                $"expected 0 ≤ count ≤ n and n ≥ 1, got {count1} of {n1} and {count2} of {n2}"
            );
        var (p1, p2) = ((double)count1 / n1, (double)count2 / n2);
        var ((low1, high1), (low2, high2)) = (Wilson(p1, n1), Wilson(p2, n2));
        double Reach(double a, double b) => Math.Sqrt(a * a + b * b);
        return new(p1 - p2, p1 - p2 - Reach(p1 - low1, high2 - p2), p1 - p2 + Reach(high1 - p1, p2 - low2), Fisher(count1, n1, count2, n2));
    }

    private static (double Low, double High) Wilson(double p, double n)
    {
        var z = Normal.InvCDF(0, 1, 0.975);
        var (center, reach) = (p + z * z / (2 * n), z * Math.Sqrt(p * (1 - p) / n + z * z / (4 * n * n)));
        return ((center - reach) / (1 + z * z / n), (center + reach) / (1 + z * z / n));
    }

    // Given both margins, count₁ is hypergeometric.
    private static double Fisher(long count1, long n1, long count2, long n2)
    {
        var (all, hits) = (n1 + n2, count1 + count2);
        var table = new Hypergeometric((int)all, (int)hits, (int)n1);
        var observed = table.ProbabilityLn((int)count1);
        var (from, to) = ((int)Math.Max(0, hits - n2), (int)Math.Min(hits, n1));
        const double slack = 1e-7; // tables as likely as the observed one but for rounding
        return Math.Min(
            1,
            Enumerable.Range(from, to - from + 1).Select(table.ProbabilityLn).Where(p => p <= observed + slack).Sum(Math.Exp)
        );
    }
}
