using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion.Samplers;

/// <summary>How images are generated: sampler, guidance and how many at once. Part of every measured number's identity.</summary>
public sealed record Generation(NoiseSchedule Schedule, Sampler Sampler, Guidance Guidance, int BatchSize = 250)
{
    /// <summary>What makes images of the sampler's result, batch by batch (an autoencoder's decoder); null where they are the result.</summary>
    public Func<Tensor, Tensor>? Decode { get; init; }

    public override string ToString() => $"{Sampler} {Guidance} on {Schedule.Name}";

    /// <summary>How many batches <paramref name="images"/> images are made in.</summary>
    public int Batches(int images) => (images + BatchSize - 1) / BatchSize;

    /// <summary>Images for the given conditions, float [N,C,H,W] in about [−1, 1]. Noise depends only on (seed, batch index).</summary>
    /// <param name="model">ε_θ; put into evaluation mode for the time of the call.</param>
    /// <param name="conditions">Class of every image.</param>
    /// <param name="imageShape">C, H, W of what the network is given: of latents where there is <see cref="Decode"/>.</param>
    /// <param name="seed">Of start noise and sampler noise.</param>
    /// <param name="cancel">Checked between batches.</param>
    public Tensor Images(
        IDenoiser model,
        long[] conditions,
        (int C, int H, int W) imageShape,
        Seed seed,
        CancellationToken cancel = default
    )
    {
        using var evaluation = new EvaluationMode(model);
        using var scope = NewDisposeScope();
        var parts = new List<Tensor>();
        for (var index = 0; index < Batches(conditions.Length); index++)
        {
            cancel.ThrowIfCancellationRequested();
            parts.Add(Sample(model, conditions, imageShape, seed, index));
        }

        using var none = no_grad();
        return cat(parts).MoveToOuterDisposeScope(); // a copy: what inference mode makes can't be trained on
    }

    /// <summary>
    /// One batch of what <see cref="Images"/> makes of the same arguments, bit for bit: image index·<see cref="BatchSize"/> and those after it.
    /// </summary>
    /// <param name="model">ε_θ.</param>
    /// <param name="conditions">Of all images.</param>
    /// <param name="imageShape">C, H, W of what the network is given.</param>
    /// <param name="seed">Of all images.</param>
    /// <param name="index">Which batch, from 0.</param>
    public Tensor Batch(IDenoiser model, long[] conditions, (int C, int H, int W) imageShape, Seed seed, int index)
    {
        using var evaluation = new EvaluationMode(model);
        using var scope = NewDisposeScope();
        using var none = no_grad();
        return Sample(model, conditions, imageShape, seed, index).clone().MoveToOuterDisposeScope(); // a copy, as above
    }

    private Tensor Sample(IDenoiser model, long[] all, (int C, int H, int W) image, Seed seed, int index)
    {
        var from = index * BatchSize;
        return Sample(model, all[from..Math.Min(all.Length, from + BatchSize)], image, seed.At("generate", index));
    }

    private Tensor Sample(IDenoiser model, long[] conditions, (int C, int H, int W) image, Seed seed)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var generator = seed.Generator();
        var device = model.Device;
        var value = tensor(conditions, ScalarType.Int64, device); // [B]
        var all = new Condition(value);
        var both = new Condition(
            cat([value, value]),
            cat([ones(conditions.Length, ScalarType.Bool, device), zeros(conditions.Length, ScalarType.Bool, device)])
        );
        Tensor Noise(ReadOnlySpan<long> shape) => randn(shape.ToArray(), ScalarType.Float32, generator: generator).to(device);

        // One number for the whole batch, of stride 0: a network may embed it once.
        Tensor Time(int t, long count) => full(1, t, ScalarType.Int64, device).expand(count);

        Tensor Guided(Tensor x, int t)
        {
            if (!Guidance.NeedsNull)
                return model.Predict(x, Time(t, conditions.Length), all);
            var halves = model.Predict(cat([x, x]), Time(t, 2L * conditions.Length), both).chunk(2); // one forward pass for ε_c and ε_∅
            return Guidance.Combine(halves[0], halves[1]);
        }

        var start = Noise([conditions.Length, image.C, image.H, image.W]);
        var result = Sampler.Run(Schedule, start, Guided, Noise);
        return (Decode is null ? result : Decode(result)).MoveToOuterDisposeScope();
    }
}
