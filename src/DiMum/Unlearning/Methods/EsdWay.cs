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

/// <summary>ESD's way from x_T to the image that it looks at: deterministic DDIM of the current network under c.</summary>
/// <param name="Start">Guidance.</param>
/// <param name="Steps">DDIM steps of the whole way, at most T.</param>
/// <param name="Latent">How far it goes.</param>
internal sealed record EsdWay(Guidance Start, int Steps, EsdLatent Latent)
{
    /// <summary>x_t [B,C,H,W] by the current network, without gradient or dropout, and t; of the batch its noise as x_T and its first time are used.</summary>
    public (Tensor X, long T) Denoised(UnlearningContext context, NoisedBatch batch, Condition condition)
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
        using var evaluation = new EvaluationMode(model);
        var x = sampler.Between(
            context.Schedule,
            batch.Noise,
            (x, t) => Start.Predict(model, x, t, condition),
            shape => zeros(shape),
            first,
            last
        );
        return (x, seen);
    }
}
