using DiMum.Data;
using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning;

/// <summary>Where a training loop's batches come from. Tests and golden vectors put their own listed draws here.</summary>
public interface IBatchSource
{
    /// <summary>The batch of <paramref name="pairing"/> at <paramref name="step"/>, with t, ε and dropped conditions drawn.</summary>
    NoisedBatch Next(Pairing pairing, int step);

    /// <summary>One pass over <paramref name="pairing"/>, nothing dropped, the reader disposes each batch: what masks and Fisher weights are accumulated over.</summary>
    IEnumerable<NoisedBatch> Pass(Pairing pairing);

    /// <summary>Batches of one pass over <paramref name="pairing"/>.</summary>
    int PassLength(Pairing pairing);

    /// <summary>The conditions of the batch of <paramref name="pairing"/> at <paramref name="step"/>, none dropped; draws nothing.</summary>
    Condition Conditions(Pairing pairing, int step);

    /// <summary>A fresh choice of dropped conditions for <paramref name="condition"/>, independent of the one it has.</summary>
    Condition Redrop(Condition condition, string purpose, int step);
}

/// <summary>How batches are taken from a data set, as published and in released code.</summary>
public enum Loader
{
    /// <summary>All of it, shuffled anew every epoch, mirrored anew at each access.</summary>
    Shuffled,

    /// <summary>
    /// The same, but an epoch's last batch is what is left of it, and whether an image is mirrored is drawn once and stays
    /// (Unlearn-Saliency@a6e89fd, Unified-Unlearning@36bb7f6: 40 batches of D_u, the last of 8 images).
    /// </summary>
    WholeEpochs,

    /// <summary>The first B images of the set at every step: unshuffled loaders that are opened anew each time (UnlearnCanvas@920cfd1).</summary>
    FirstBatch,
}

/// <summary>How a loop draws.</summary>
/// <param name="BatchSize">B.</param>
/// <param name="Times">How t is drawn.</param>
/// <param name="DropProbability">Share of conditions replaced by ∅ (classifier-free guidance; 0.1 in the released code).</param>
/// <param name="Flip">Whether half of the images are mirrored.</param>
/// <param name="Loader">How the images are read.</param>
public sealed record DrawSettings(
    int BatchSize = 128,
    TimestepDraw Times = TimestepDraw.Antithetic,
    double DropProbability = 0.1,
    bool Flip = false,
    Loader Loader = Loader.Shuffled
);

/// <summary>
/// Seeded batches: what is drawn for a pairing at a step depends on (seed, pairing, step) alone, so every method under one seed sees the same
/// retain batches, times and noises (common random numbers), and a resumed loop needs no generator state.
/// </summary>
public sealed class SeededBatches(NoiseSchedule schedule, DrawSettings settings, Seed seed, Device device, IImageCode? images = null)
    : IBatchSource
{
    private readonly IImageCode code =
        images is { Mirrors: false } && settings.Flip
            ? throw new UserError("data.flip is on, but latents can't be mirrored; mirror the images before they are encoded")
            : images ?? PixelCode.Instance;
    private readonly Dictionary<Pairing, PairReader> readers = [];

    public NoisedBatch Next(Pairing pairing, int step)
    {
        using var scope = NewDisposeScope();
        var (stored, conditions) = Read(pairing, step);
        using var generator = seed.At(pairing.Name + "/draws", step).Generator();
        var clean = code.Clean(stored.to(device), seed.At(pairing.Name + "/code", step)); // [B,C,H,W]
        return Noised(clean, conditions, generator, settings.DropProbability, FrozenFlips(pairing, step)).MoveToOuterDisposeScope();
    }

    public IEnumerable<NoisedBatch> Pass(Pairing pairing)
    {
        using var generator = seed.At(pairing.Name + "/pass").Generator();
        var step = 0;
        foreach (var (stored, conditions) in Reader(pairing).Pass(settings.BatchSize))
        {
            NoisedBatch batch;
            using (stored)
            using (conditions)
            using (var here = stored.to(device))
            using (var clean = code.Clean(here, seed.At(pairing.Name + "/pass/code", step)))
                batch = Noised(clean, conditions, generator, dropProbability: 0, FrozenFlips(pairing, step++));
            yield return batch;
        }
    }

    public int PassLength(Pairing pairing) => (pairing.Count + settings.BatchSize - 1) / settings.BatchSize;

    public Condition Conditions(Pairing pairing, int step)
    {
        using var scope = NewDisposeScope();
        return new(Read(pairing, step).Conditions.to(device).alias().MoveToOuterDisposeScope());
    }

    public Condition Redrop(Condition condition, string purpose, int step)
    {
        using var generator = seed.At(purpose + "/drop", step).Generator();
        return condition.Keeping(Keep((int)condition.Value.shape[0], settings.DropProbability, generator));
    }

    private PairReader Reader(Pairing pairing)
    {
        if (!readers.TryGetValue(pairing, out var reader))
            readers[pairing] = reader = pairing.Read(seed);
        return reader;
    }

    private (Tensor Images, Tensor Conditions) Read(Pairing pairing, int step) =>
        settings.Loader == Loader.FirstBatch
            ? Reader(pairing).First(settings.BatchSize)
            : Reader(pairing).Batch(step, settings.BatchSize, WholeEpochs);

    private bool WholeEpochs => settings.Loader == Loader.WholeEpochs;

    private NoisedBatch Noised(Tensor images, Tensor conditions, Generator generator, double dropProbability, bool[]? frozenFlips)
    {
        using var scope = NewDisposeScope();
        var size = (int)images.shape[0];
        var clean = images.alias(); // [B,C,H,W]
        if (settings.Flip)
            clean = Pixels.FlipWhere(
                clean,
                (frozenFlips is null ? rand(size, generator: generator).lt(0.5) : tensor(frozenFlips[..size])).to(device)
            );
        var time = Timesteps.Draw(settings.Times, size, schedule.Steps, generator).to(device);
        var noise = randn(clean.shape, ScalarType.Float32, generator: generator).to(device);
        var keep = Keep(size, dropProbability, generator);
        return new NoisedBatch(clean, new Condition(conditions.to(device).alias(), keep), time, noise).MoveToOuterDisposeScope();
    }

    // Drawn from the image's place in the pairing alone; null where each access draws anew.
    private bool[]? FrozenFlips(Pairing pairing, int step) =>
        settings.Flip && WholeEpochs
            ?
            [
                .. Reader(pairing)
                    .Places(step, settings.BatchSize, WholeEpochs)
                    .Select(p => (seed.At(pairing.Name + "/flip", p).Value & 1) == 1),
            ]
            : null;

    private Tensor? Keep(int size, double dropProbability, Generator generator)
    {
        if (dropProbability <= 0)
            return null;
        using var scope = NewDisposeScope();
        return rand(size, generator: generator).ge(dropProbability).to(device).MoveToOuterDisposeScope();
    }
}
