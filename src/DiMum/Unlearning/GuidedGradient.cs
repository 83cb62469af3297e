using DiMum.Data;
using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning;

/// <summary>
/// The batch gradients that saliency masks and Fisher weights are made of: ∂/∂θ ‖ε − ε̂‖² with ε̂ the guided prediction of Eq. (2), both
/// branches differentiated, dropout off, each batch clipped to a norm first (released SalUn and SFR-on alike).
/// </summary>
public static class GuidedGradient
{
    /// <summary>Calls <paramref name="take"/> with the flat gradient [n] of each batch of one pass over <paramref name="pairing"/>; returns the number of batches.</summary>
    public static int ForEachBatch(UnlearningContext context, Pairing pairing, Guidance guidance, Action<Tensor> take)
    {
        var batches = 0;
        foreach (var batch in context.Batches.Pass(pairing))
        {
            using var owned = batch;
            BatchGradient.Take(context, () => Loss(context, batch, guidance), clips: true, take);
            batches++;
        }

        return batches;
    }

    private static Tensor Loss(UnlearningContext context, NoisedBatch batch, Guidance guidance)
    {
        var noised = ForwardProcess.Noised(context.Schedule, batch.Clean, batch.Time, batch.Noise); // [B,C,H,W]
        var nothing = batch.Condition.Keeping(zeros(noised.shape[0], ScalarType.Bool, noised.device));
        var guided = guidance.Combine(
            context.Model.Predict(noised, batch.Time, batch.Condition),
            context.Model.Predict(noised, batch.Time, nothing)
        );
        return EpsilonLoss.SquaredError(batch.Noise, guided, LossReduction.SumPerImage);
    }
}
