using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// The anchor images that Concept Ablation's program generates before it trains: of the network as it is found, under the anchors of D_m's conditions
/// in turn, by DDIM with η = 1, saved and read again. Source: concept-ablation@c11fb1b, <c>train.py</c>, <c>src/utils.py</c>.
/// </summary>
/// <param name="Count">Released: 200, an image a prompt.</param>
/// <param name="Guidance">Released: scale 6.</param>
/// <param name="Steps">DDIM steps (released: 200), at most T.</param>
public sealed record AnchorImages(int Count, Guidance Guidance, int Steps)
{
    /// <summary>The images; the caller disposes them. Leaves the network as it is.</summary>
    public GeneratedAnchors Generate(UnlearningContext context)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        using var evaluation = new EvaluationMode(context.Model);
        var batches = new List<(Tensor Images, Tensor Unlearned, Tensor Anchors)>();
        for (long made = 0; made < Count; made += batches[^1].Images.shape[0])
        {
            context.Cancel.ThrowIfCancellationRequested();
            batches.Add(Batch(context, batches.Count, Count - made));
        }

        Tensor Whole(Func<(Tensor Images, Tensor Unlearned, Tensor Anchors), Tensor> part) =>
            cat([.. batches.Select(part)]).DetachFromDisposeScope();
        return new(Whole(b => b.Images), Whole(b => b.Unlearned), Whole(b => b.Anchors), context.Seed);
    }

    // At most a batch of D_m's conditions, their anchors, and what the network draws under these.
    private (Tensor Images, Tensor Unlearned, Tensor Anchors) Batch(UnlearningContext context, int number, long room)
    {
        using var like = context.Batches.Next(context.Memorization, number);
        var size = Math.Min(room, like.Clean.shape[0]);
        var unlearned = new Condition(like.Condition.Value.narrow(0, 0, size).clone());
        var anchor = context.Alternative(unlearned, number);
        using var generator = context.Seed.At("anchors", number).Generator();
        Tensor Noise(ReadOnlySpan<long> of) => randn(of.ToArray(), like.Clean.dtype, generator: generator).to(context.Model.Device);
        var sampler = new Ddim { Steps = Math.Min(Steps, context.Schedule.Steps), Eta = 1 };
        var images = sampler.Run(
            context.Schedule,
            Noise([size, .. like.Clean.shape[1..]]),
            (x, t) => Guidance.Predict(context.Model, x, t, anchor),
            Noise
        );
        return (context.Saved(images), unlearned.Value, anchor.Value);
    }
}
