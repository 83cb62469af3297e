using DiMum.Data;
using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>Anchor images with the condition that each was made under and the one that is to be unlearned, read in a seeded, shuffled order.</summary>
public sealed class GeneratedAnchors : IDisposable
{
    private readonly PairReader unlearned;
    private readonly PairReader anchors;

    internal GeneratedAnchors(Tensor images, Tensor unlearned, Tensor anchors, Seed seed)
    {
        (Images, Unlearned, Anchors) = (images, unlearned, anchors);
        this.unlearned = Pairing.Of("anchors", images, unlearned).Read(seed);
        this.anchors = Pairing.Of("anchors", images, anchors).Read(seed); // the same name and seed: the same order
    }

    /// <summary>x₀, [N,C,H,W].</summary>
    public Tensor Images { get; }

    /// <summary>c of each image, [N,…].</summary>
    public Tensor Unlearned { get; }

    /// <summary>c̃ of each image, [N,…].</summary>
    public Tensor Anchors { get; }

    /// <summary>A batch of anchors under c, and their c̃: times and noises are those of D_m's batch at the iteration; nothing is dropped.</summary>
    public (NoisedBatch Batch, Condition Anchor) Next(UnlearningContext context, int iteration)
    {
        var drawn = context.Batches.Next(context.Memorization, iteration);
        var size = (int)drawn.Clean.shape[0];
        var (images, conditions) = unlearned.Batch(iteration, size);
        return (drawn with { Clean = images, Condition = new(conditions) }, new(anchors.Batch(iteration, size).Conditions));
    }

    public void Dispose()
    {
        Images.Dispose();
        Unlearned.Dispose();
        Anchors.Dispose();
    }
}
