using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// The anchor images that Concept Ablation's program generates before it trains: of the network as it is found, under the anchors of D_m's conditions
/// in turn, by DDIM with η = 1. Source: concept-ablation@c11fb1b, <c>train.py</c>.
/// </summary>
/// <param name="Count">Released: 200.</param>
/// <param name="Guidance">Released: scale 6.</param>
/// <param name="Steps">DDIM steps (released: 200), at most T.</param>
public sealed record AnchorImages(int Count, Guidance Guidance, int Steps)
{
    /// <summary>The images, each under the condition that is to be unlearned; the caller disposes them. Leaves the network as it is.</summary>
    public GeneratedAnchors Generate(UnlearningContext context)
    {
        var model = context.Model;
        var training = model.Training;
        using var none = no_grad();
        using var scope = NewDisposeScope();
        model.Training = false;
        var (images, conditions) = (new List<Tensor>(), new List<Tensor>());
        for (var made = 0L; made < Count; made += conditions[^1].shape[0])
        {
            var (x, c) = Batch(context, images.Count, Count - made);
            images.Add(x);
            conditions.Add(c);
        }

        model.Training = training;
        return new(cat(images).MoveToOuterDisposeScope(), cat(conditions).MoveToOuterDisposeScope(), context.Seed);
    }

    // At most a batch of D_m's conditions and what the network draws under their anchors.
    private (Tensor Images, Tensor Conditions) Batch(UnlearningContext context, int number, long room)
    {
        using var scope = NewDisposeScope();
        using var shape = context.Batches.Next(context.Memorization, number);
        var size = Math.Min(room, shape.Clean.shape[0]);
        var unlearned = new Condition(shape.Condition.Value.narrow(0, 0, size).clone());
        var anchor = context.Alternative(unlearned, number);
        using var generator = context.Seed.At("anchors", number).Generator();
        Tensor Noise(ReadOnlySpan<long> of) => randn(of.ToArray(), shape.Clean.dtype, generator: generator).to(context.Model.Device);
        var sampler = new Ddim { Steps = Math.Min(Steps, context.Schedule.Steps), Eta = 1 };
        var images = sampler.Run(
            context.Schedule,
            Noise([size, .. shape.Clean.shape[1..]]),
            (x, t) => Guidance.Predict(context.Model, x, t, anchor),
            Noise
        );
        return (images.MoveToOuterDisposeScope(), unlearned.Value.MoveToOuterDisposeScope());
    }
}

/// <summary>Anchor images [N,C,H,W] and the conditions that are to be unlearned, [N,…], read in a seeded, shuffled order.</summary>
public sealed class GeneratedAnchors : IDisposable
{
    private readonly PairReader reader;

    internal GeneratedAnchors(Tensor images, Tensor conditions, Seed seed)
    {
        (Images, Conditions) = (images, conditions);
        reader = Pairing.Of("anchors", images, conditions).Read(seed);
    }

    public Tensor Images { get; }

    public Tensor Conditions { get; }

    /// <summary>The batch of D_m at an iteration, its times and noises, with anchors in place of its images; nothing dropped.</summary>
    public NoisedBatch Next(UnlearningContext context, int iteration)
    {
        var batch = context.Batches.Next(context.Memorization, iteration);
        var (images, conditions) = reader.Batch(iteration, (int)batch.Clean.shape[0]);
        return batch with { Clean = images, Condition = new(conditions) };
    }

    public void Dispose()
    {
        Images.Dispose();
        Conditions.Dispose();
    }
}
