using DiMum.Diffusion;
using DiMum.Optimization;
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
/// unlearned condition, which is D_m of Eq. (9); by noise this is DiMUM's Eq. (10). There is no retain term by default; as published one is D_r's, in the
/// program (weight 0.2, «regularisation») it is the ε-loss of the same images under their anchors; the program draws t and ε of it apart, on half of the
/// batch, here they are the batch's. Meant for one alternative.
/// Source: concept-ablation@c11fb1b, <c>src/model.py</c> p_losses.
/// </summary>
/// <param name="Balance">Released: retain 0, unlearning 1.</param>
/// <param name="Target">Released: model.</param>
public sealed record ConceptAblation(Balance Balance, AblationTarget Target) : IUnlearningMethod
{
    /// <summary>How many anchor images the program makes.</summary>
    public const int AnchorCount = 200;

    /// <summary>What the reading changes.</summary>
    public ConceptAblationReading Read { get; init; } = ConceptAblationReading.Published;

    public string Name => "concept-ablation";
    public string Reading => Read.Reading;
    public bool Clips => Read.Clips;
    public bool DetachesFirstToken => Read.Anchors is not null;
    public AdamSettings Optimizer => new(DecoupledDecay: Read.Decay);
    public string Source =>
        FormattableString.Invariant($"arXiv 2303.13516, {Read.Repository}; target {Target.ToString().ToLowerInvariant()}, ")
        + (
            Read.Anchors is { } made
                ? FormattableString.Invariant(
                    $"{made.Count} anchor images by DDIM-{made.Steps} at scale {made.Guidance.Scale:g}, {Balance}"
                )
                : $"anchor images from the data, {Balance}"
        );

    public IUpdateRule Prepare(UnlearningContext context)
    {
        if (Read.Anchors is null)
            return new UpdateRule(iteration => [new(() => Loss(context, iteration), context.Clip)]);
        var anchors = Read.Anchors.Generate(context);
        return new UpdateRule(iteration => [new(() => Loss(context, anchors, iteration), context.Clip)], anchors);
    }

    private Tensor Loss(UnlearningContext context, int iteration)
    {
        var batch = context.Batches.Next(context.Memorization, iteration);
        var ablation =
            Target == AblationTarget.Noise
                ? EpsilonLoss.Of(context.Model, context.Schedule, batch)
                : Relabelling.Loss(context, batch, iteration, iteration);
        return Balance.Sum(ablation, () => context.Loss(context.Retain, iteration));
    }

    private Tensor Loss(UnlearningContext context, GeneratedAnchors anchors, int iteration)
    {
        var (batch, anchor) = anchors.Next(context, iteration);
        var ablation =
            Target == AblationTarget.Noise
                ? EpsilonLoss.Of(context.Model, context.Schedule, batch, Read.Reduction)
                : Relabelling.Towards(context, batch, anchor);
        return Balance.Sum(ablation, () => EpsilonLoss.Of(context.Model, context.Schedule, batch.Under(anchor), Read.Reduction));
    }

    private Relabelling Relabelling => new(Read.Reduction);
}
