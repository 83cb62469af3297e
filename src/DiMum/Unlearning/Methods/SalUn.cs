using DiMum.Diffusion;
using DiMum.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// SalUn (Fan et al. 2024), relabelling of Eq. (6) under a saliency mask: L(θ) = w_u·‖sg[ε_θ(x_t,t,c̃)] − ε_θ(x_t,t,c)‖² on D_u (mean over all
/// elements) + w_r·‖ε − ε_θ‖² on D_r (sum per image). The target is the current network's, without gradient. Gradients are clipped, then masked.
/// Mask: the share <see cref="MaskRatio"/> of weights with the largest |Σ_batches g| on D_u, over all tensors together.
/// Source: Unlearn-Saliency@a6e89fd, <c>DDPM/runners/diffusion.py</c> saliency_unlearn (rl) and generate_mask.
/// </summary>
/// <param name="Balance">Released: retain 1e-3, unlearning 1 on 3×32×32 images.</param>
/// <param name="MaskRatio">Share of weights that may move; null: no mask.</param>
/// <param name="MaskGuidance">Guidance of the prediction that the mask's gradients come from.</param>
public sealed record SalUn(Balance Balance, double? MaskRatio, Guidance MaskGuidance) : IUnlearningMethod
{
    /// <summary>What the reading changes.</summary>
    public SalUnReading Read { get; init; } = SalUnReading.Of(MethodReading.AsPublished);

    public string Name => "SalUn";
    public string Reading => Read.Reading;
    public Loader Loader => Read.Loader;
    public bool Clips => Read.Clips;
    public string Source =>
        $"arXiv 2310.12508, {Read.Repository}; "
        + (Read.Masks && MaskRatio is { } ratio ? FormattableString.Invariant($"mask top {ratio:g}, ") : "no mask, ")
        + Balance;

    public IUpdateRule Prepare(UnlearningContext context) => Rule(context, Mask(context));

    /// <summary>The reading's mask of 0 and 1, [n], which the caller owns; null where it has none.</summary>
    public Tensor? Mask(UnlearningContext context)
    {
        if (!Read.Masks || MaskRatio is not { } ratio)
            return null;
        using var score = Saliency(context);
        return TopMask(score, ratio).DetachFromDisposeScope();
    }

    /// <summary>The rule under a given mask of 0 and 1, [n], which it owns; null for none.</summary>
    public IUpdateRule Rule(UnlearningContext context, Tensor? mask)
    {
        var transform = mask is null ? context.Clip : context.Clip.ThenMask(mask);
        return new UpdateRule(iteration => [new(() => Loss(context, iteration), transform)], mask is null ? [] : [mask]);
    }

    /// <summary>|Σ_batches g| over one pass of D_u, [n]: the absolute value after the sum.</summary>
    public Tensor Saliency(UnlearningContext context)
    {
        using var scope = NewDisposeScope();
        var sum = zeros_like(context.Model.Parameters.Values);
        GuidedGradient.ForEachBatch(context, context.Forget, MaskGuidance, g => sum.add_(g));
        return sum.abs_().MoveToOuterDisposeScope();
    }

    /// <summary>1 for the ⌊n·ratio⌋ largest scores, else 0; among equals at the threshold, lower indices first.</summary>
    public static Tensor TopMask(Tensor score, double ratio)
    {
        using var scope = NewDisposeScope();
        var n = score.numel();
        var k = (long)(n * ratio);
        if (k <= 0)
            return zeros_like(score).MoveToOuterDisposeScope();
        if (TopShare.Takes(score))
            return TopShare.Mask(score, Math.Min(k, n)).MoveToOuterDisposeScope();
        var threshold = score.kthvalue(n - k + 1, 0).values;
        var above = score.gt(threshold);
        var ties = score.eq(threshold);
        var room = k - above.sum().ToInt64();
        var admitted = ties.logical_and(ties.to(ScalarType.Int64).cumsum(0).le(room));
        return above.logical_or(admitted).to(score.dtype).MoveToOuterDisposeScope();
    }

    private Tensor Loss(UnlearningContext context, int iteration)
    {
        var retain = context.Loss(context.Retain, iteration, Read.RetainReduction);
        var relabelled = Read.Relabelling.Loss(context, context.Batches.Next(context.Forget, iteration), iteration, iteration);
        return Balance.Unlearning * relabelled + Balance.Retain * retain;
    }
}
