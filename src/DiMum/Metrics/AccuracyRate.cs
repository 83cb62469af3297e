using MathNet.Numerics.Distributions;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics;

/// <summary>AR: the share of generated images that the classifier assigns to a class (Tables I–IV), with its exact binomial interval.</summary>
public static class AccuracyRate
{
    /// <summary>count/n with the Clopper–Pearson interval.</summary>
    /// <param name="count">Images assigned to the class, 0…n.</param>
    /// <param name="n">Images generated, ≥ 1.</param>
    /// <param name="metric">What is measured, with the classifier.</param>
    /// <param name="of">Model, sampler, guidance and seed.</param>
    /// <param name="confidence">Coverage, 0.95.</param>
    public static Measured Of(long count, long n, string metric, string of, double confidence = 0.95)
    {
        if (n < 1 || count < 0 || count > n)
            throw new ArgumentOutOfRangeException(nameof(count), $"expected 0 ≤ count ≤ n and n ≥ 1, got {count} of {n}");
        var (low, high) = Interval(count, n, confidence);
        return new((double)count / n, n, low, high, metric, of);
    }

    /// <summary>
    /// Rows whose label is among their k highest logits, equals counted in its favour. The paper counts k = 1 on CIFAR-10 and k = 3 on styles, the
    /// benchmark's own accuracy k = 1 (UnlearnCanvas@920cfd1): k is never implied.
    /// </summary>
    /// <param name="logits">[N,K].</param>
    /// <param name="labels">Of each row, int64 [N] in 0…K−1.</param>
    /// <param name="k">1…K.</param>
    public static long Hits(Tensor logits, Tensor labels, int k)
    {
        if (k < 1 || k > logits.shape[1])
            throw new ArgumentOutOfRangeException(nameof(k), k, $"expected 1…{logits.shape[1]}");
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var own = logits.gather(1, labels.unsqueeze(1)); // [B,1]
        var among = logits.gt(own).sum(1).lt(k); // [B]
        return among.logical_and(own.squeeze(1).isnan().logical_not()).sum().ToInt64(); // a NaN is above nothing, and no hit
    }

    /// <summary>Clopper–Pearson: (B⁻¹(α/2; k, n−k+1), B⁻¹(1−α/2; k+1, n−k)), 0 and 1 at the ends.</summary>
    public static (double Low, double High) Interval(long count, long n, double confidence = 0.95)
    {
        var tail = (1 - confidence) / 2;
        var low = count == 0 ? 0 : Beta.InvCDF(count, n - count + 1, tail);
        var high = count == n ? 1 : Beta.InvCDF(count + 1, n - count, 1 - tail);
        return (low, high);
    }
}
