using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics;

/// <summary>
/// Whether a label is among a classifier's k best guesses. k is part of every number's identity: the benchmark's accuracies are top-1, the paper's AR
/// of styles are top-3.
/// </summary>
public static class TopK
{
    /// <summary>For every row of logits [B,K], whether <paramref name="labels"/>' entry is among its k largest.</summary>
    public static bool[] Hits(Tensor logits, IReadOnlyList<long> labels, int k)
    {
        if (k < 1 || k > logits.shape[1])
            throw new UserError($"top-{k} accuracy of a classifier with {logits.shape[1]} classes: expected 1…{logits.shape[1]}");
        using var scope = NewDisposeScope();
        var wanted = tensor(labels.ToArray(), ScalarType.Int64, logits.device).unsqueeze(1); // [B,1]
        return logits.topk(k, 1).indexes.eq(wanted).any(1).cpu().data<bool>().ToArray();
    }

    /// <summary>The share of hits with its exact interval.</summary>
    /// <param name="hits">Of every image.</param>
    /// <param name="k">As asked of <see cref="Hits"/>.</param>
    /// <param name="what">What is measured, with the classifier.</param>
    /// <param name="of">Model, sampler, guidance and seed.</param>
    public static Measured Rate(IReadOnlyCollection<bool> hits, int k, string what, string of) =>
        AccuracyRate.Of(hits.Count(h => h), hits.Count, $"{what}, top-{k}", of);
}
