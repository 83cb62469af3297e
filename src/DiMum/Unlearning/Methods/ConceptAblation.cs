using DiMum.Diffusion;
using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>What Concept Ablation pulls the prediction under the unlearned condition towards.</summary>
public enum AblationTarget
{
    /// <summary>sg[ε_θ(x_t,t,c̃)], the current network's prediction under the anchor condition.</summary>
    Model,

    /// <summary>ε, the true noise.</summary>
    Noise,
}

/// <summary>
/// Concept Ablation (Kumari et al. 2023), Eq. (6) on anchor images: L(θ) = w_u·‖target − ε_θ(x_t,t,c)‖² with x₀ an image of the anchor c̃ and c the
/// unlearned condition, which is D_m of Eq. (9); by noise this is DiMUM's Eq. (10). As published there is no retain term by default (with
/// regularisation its weight is 0.2) and the anchor images are generated; here they are D_m's. Meant for one alternative.
/// Source: concept-ablation@c11fb1b, <c>src/model.py</c> p_losses.
/// </summary>
/// <param name="Balance">Released: retain 0, unlearning 1.</param>
/// <param name="Target">Released: model.</param>
public sealed record ConceptAblation(Balance Balance, AblationTarget Target) : IUnlearningMethod
{
    private static readonly Relabelling Relabelling = new(LossReduction.SumPerImage);

    public string Name => "concept-ablation";
    public string Reading => "as published";
    public string Source =>
        $"arXiv 2303.13516, concept-ablation@c11fb1b; target {Target.ToString().ToLowerInvariant()}, anchor images from the data, {Balance}";

    public IUpdateRule Prepare(UnlearningContext context) =>
        new UpdateRule(iteration => [new(() => Loss(context, iteration), context.Clip)]);

    private Tensor Loss(UnlearningContext context, int iteration)
    {
        var anchors = context.Batches.Next(context.Memorization, iteration);
        var ablation =
            Target == AblationTarget.Noise
                ? EpsilonLoss.Of(context.Model, context.Schedule, anchors)
                : Relabelling.Loss(context, anchors, iteration, iteration);
        var unlearning = Balance.Unlearning * ablation;
        return Balance.Retain == 0 ? unlearning : unlearning + Balance.Retain * context.Loss(context.Retain, iteration);
    }
}
