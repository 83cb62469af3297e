using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>How far ESD's image is denoised before it is looked at.</summary>
public enum EsdLatent
{
    /// <summary>To the visited time t at which the networks are then compared.</summary>
    Aligned,

    /// <summary>Two to three visited times below t: the noisiest one is left out and the loop stops late (erasing@a2189e9).</summary>
    Late,

    /// <summary>To the clean image, whatever t: the early stop is missing (UnlearnCanvas@920cfd1).</summary>
    Clean,
}

/// <summary>
/// ESD (Gandikota et al. 2023), Eq. (6) with a frozen target and no images: L(θ) = w_u·‖ε₀(∅) − η·(ε₀(c) − ε₀(∅)) − ε_θ(x_t,t,c)‖², ε₀ the network
/// before unlearning, x_t denoised from x_T by the current network under c. Of the batch of D_u the conditions, the noise (as x_T) and the first
/// image's time are used. As published there is no retain term; the balance may give one.
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
        var (x, t) = Denoised(context, batch, condition);
        var time = full_like(batch.Time, t);
        var target = frozen.Under(() => Target(model.Predict(x, time, condition), model.Predict(x, time, Nothing(condition))));
        var unlearning = EpsilonLoss.SquaredError(target, model.Predict(x, time, condition), LossReduction.SumPerImage);
        return Balance.Unlearning * unlearning + Balance.Retain * context.Loss(context.Retain, iteration);
    }

    // x_t by the current network, without gradient or dropout, and t.
    private (Tensor X, long T) Denoised(UnlearningContext context, NoisedBatch batch, Condition condition)
    {
        var (model, total) = (context.Model, context.Schedule.Steps);
        var sampler = new Ddim { Steps = Math.Min(Steps, total) };
        var times = sampler.Times(total);
        var drawn = batch.Time[0].ToInt64();
        var place = times.Count(t => t <= drawn) - 1;
        var (first, last, seen) = Latent switch
        {
            EsdLatent.Aligned => (times.Count - 1, place + 1, times[place]),
            EsdLatent.Late => (times.Count - 2, Math.Max(place - 1, 0), drawn),
            _ => (times.Count - 2, 0, drawn),
        };
        using var none = no_grad();
        var training = model.Training;
        model.Training = false;
        var x = sampler.Between(
            context.Schedule,
            batch.Noise,
            (x, t) => Guided(model, x, t, condition),
            shape => zeros(shape),
            first,
            last
        );
        model.Training = training;
        return (x, seen);
    }

    private Tensor Guided(ITrainableDenoiser model, Tensor x, int t, Condition condition)
    {
        var time = full(x.shape[0], t, ScalarType.Int64, x.device);
        var conditional = model.Predict(x, time, condition);
        return Start.NeedsNull ? Start.Combine(conditional, model.Predict(x, time, Nothing(condition))) : conditional;
    }

    private static Condition Nothing(Condition c) => c.Keeping(zeros(c.Value.shape[0], ScalarType.Bool, c.Value.device));
}
