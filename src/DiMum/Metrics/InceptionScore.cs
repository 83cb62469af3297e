using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics;

/// <summary>
/// Inception Score (Salimans et al. 2016): exp(mean KL(p(y|x) ‖ p(y))) of a split of the images, streamed: a split keeps its count, Σp and Σ p·log p.
/// </summary>
public sealed class InceptionScore
{
    private readonly long[] ends; // split s holds images ends[s−1]…ends[s]−1
    private readonly double[] plogp;
    private readonly double[]?[] sums;
    private long seen;

    private InceptionScore(long[] ends) => (this.ends, plogp, sums) = (ends, new double[ends.Length], new double[ends.Length][]);

    /// <summary>Splits ⌊s·n/S⌋…⌊(s+1)·n/S⌋, as torch-fidelity cuts them.</summary>
    public static InceptionScore InSplits(long images, int splits) =>
        new(Enumerable.Range(1, splits).Select(s => s * images / splits).ToArray());

    /// <summary>Splits of a size, the last one smaller, as guided-diffusion cuts them.</summary>
    public static InceptionScore OfSplitSize(long images, long size) =>
        new(Enumerable.Range(1, (int)((images + size - 1) / size)).Select(s => Math.Min(images, s * size)).ToArray());

    /// <summary>The next images' logits, [b,K].</summary>
    public void Add(Tensor logits)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var log = logits.to(ScalarType.Float64).cpu().log_softmax(1); // [b,K]
        var p = log.exp();
        for (long from = 0; from < log.shape[0]; )
        {
            var split = Array.FindIndex(ends, end => seen < end);
            if (split < 0)
                throw new InvalidOperationException($"more than the {ends[^1]} images that were announced");
            var n = Math.Min(log.shape[0] - from, ends[split] - seen);
            plogp[split] += (p.narrow(0, from, n) * log.narrow(0, from, n)).sum().item<double>();
            var sum = p.narrow(0, from, n).sum([0L]).data<double>().ToArray();
            sums[split] = sums[split] is { } before ? [.. before.Zip(sum, (a, b) => a + b)] : sum;
            (seen, from) = (seen + n, from + n);
        }
    }

    /// <summary>The score of every split that holds images.</summary>
    public double[] Splits =>
        [
            .. Enumerable
                .Range(0, ends.Length)
                .Where(s => sums[s] is not null)
                .Select(s =>
                {
                    var n = (double)(ends[s] - (s == 0 ? 0 : ends[s - 1]));
                    // mean Σ p log p − Σ p̄ log p̄
                    return Math.Exp(plogp[s] / n - sums[s]!.Where(v => v > 0).Sum(v => v / n * Math.Log(v / n)));
                }),
        ];

    /// <summary>Mean over the splits, and their population standard deviation.</summary>
    public (double Mean, double Deviation) Result
    {
        get
        {
            var scores = Splits;
            var mean = scores.Average();
            return (mean, Math.Sqrt(scores.Average(s => (s - mean) * (s - mean))));
        }
    }
}
