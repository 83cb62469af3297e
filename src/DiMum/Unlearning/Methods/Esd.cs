using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// ESD (Gandikota et al. 2023), Eq. (6) with a frozen target and no images: L(θ) = w_u·‖ε₀(∅) − η·(ε₀(c) − ε₀(∅)) − ε_θ(x_t,t,c)‖², ε₀ the network
/// before unlearning, x_t denoised from x_T by the current network under c. Of the batch of D_u the conditions, the noise (as x_T) and the first
/// image's time are used. As published there is no retain term; the balance may give one. The programs take the mean over all elements and don't clip.
/// Source: erasing@a2189e9 <c>train-scripts/train-esd.py</c>; erasing@25613d2 writes the same target as ε₀(c) − (1+η)·(ε₀(c) − ε₀(∅)).
/// </summary>
/// <param name="Balance">Released: retain 0, unlearning 1.</param>
/// <param name="Strength">η (released: 1).</param>
/// <param name="Start">Guidance on the way from x_T (released: scale 3).</param>
/// <param name="Steps">DDIM steps of the whole way (released: 50), at most T.</param>
public sealed record Esd(Balance Balance, double Strength, Guidance Start, int Steps) : IUnlearningMethod
{
    private const string Repository = "erasing@a2189e9";

    /// <summary>How far x_t is denoised.</summary>
    public EsdLatent Latent { get; init; }

    private bool Released => Latent != EsdLatent.Aligned;
    private EsdWay Way => new(Start, Steps, Latent);

    /// <summary>How far a reading denoises.</summary>
    public static EsdLatent LatentOf(MethodReading reading) =>
        reading switch
        {
            MethodReading.AsPublished => EsdLatent.Aligned,
            MethodReading.AsReleased => EsdLatent.Late,
            _ => EsdLatent.Clean,
        };

    public string Name => "ESD";
    public string Reading =>
        Latent switch
        {
            EsdLatent.Aligned => MethodReading.AsPublished.Text(Repository),
            EsdLatent.Late => MethodReading.AsReleased.Text(Repository),
            _ => MethodReading.AsReleasedInUnlearnCanvas.Text(Repository),
        };
    public bool Clips => !Released;
    public string Source =>
        FormattableString.Invariant(
            $"arXiv 2303.07345, {Repository}; η={Strength:g}, start scale {Start.Scale:g}, DDIM-{Steps}, {Balance}"
        );

    public IUpdateRule Prepare(UnlearningContext context)
    {
        var frozen = new FrozenWeights(context.Model);
        return new UpdateRule(iteration => [new(() => Loss(context, frozen, iteration), context.Clip)], frozen);
    }

    /// <summary>ε₀(∅) − η·(ε₀(c) − ε₀(∅)): guidance of scale −η.</summary>
    public Tensor Target(Tensor concept, Tensor nothing) => Guidance.ByScale(-Strength).Combine(concept, nothing);

    private Tensor Loss(UnlearningContext context, FrozenWeights frozen, int iteration)
    {
        var model = context.Model;
        var batch = context.Batches.Next(context.Forget, iteration);
        var condition = batch.Condition.Keeping(null);
        var (x, t) = Way.Denoised(context, batch, condition);
        var time = full_like(batch.Time, t);
        var target = frozen.Under(() => Target(model.Predict(x, time, condition), model.Predict(x, time, condition.Dropped())));
        var reduction = Released ? LossReduction.MeanAll : LossReduction.SumPerImage;
        var unlearning = EpsilonLoss.SquaredError(target, model.Predict(x, time, condition), reduction);
        return Balance.Sum(unlearning, () => context.Loss(context.Retain, iteration, reduction));
    }
}
