using DiMum.Diffusion;
using DiMum.Optimization;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// The benchmark's mask for SalUn, kept to be measured and never used: it climbs the loss while it accumulates, guides with the same condition in
/// both branches, and sorts without the minus, so the share with the smallest |Σ g| is chosen (UnlearnCanvas@920cfd1,
/// <c>mu_saliency_unlearn_salun/generate_mask.py</c>).
/// </summary>
public static class DriftingMask
{
    /// <summary>A step up the guided loss (mean over all elements) on each batch of D_u; every gradient is added to <paramref name="sum"/>, [n].</summary>
    public static IUpdateRule Rule(UnlearningContext context, Guidance guidance, Tensor sum) =>
        new UpdateRule(iteration => [new(() => -Loss(context, guidance, iteration), GradientTransform.None.Then(g => sum.add_(g)))]);

    /// <summary>1 for the ⌊n·ratio⌋ smallest |Σ g|.</summary>
    public static Tensor Mask(Tensor sum, double ratio)
    {
        using var scope = NewDisposeScope();
        return SalUn.TopMask(sum.abs().neg(), ratio).MoveToOuterDisposeScope();
    }

    private static Tensor Loss(UnlearningContext context, Guidance guidance, int iteration)
    {
        var batch = context.Batches.Next(context.Forget, iteration);
        var noised = ForwardProcess.Noised(context.Schedule, batch.Clean, batch.Time, batch.Noise); // [B,C,H,W]
        Tensor Predict() => context.Model.Predict(noised, batch.Time, batch.Condition);
        var conditional = Predict();
        return EpsilonLoss.SquaredError(batch.Noise, guidance.Combine(conditional, Predict()), LossReduction.MeanAll);
    }
}
