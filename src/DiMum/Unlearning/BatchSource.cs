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

    /// <summary>A fresh choice of dropped conditions for <paramref name="condition"/>, independent of the one it has.</summary>
    Condition Redrop(Condition condition, string purpose, int step);
}

/// <summary>How a loop draws.</summary>
/// <param name="BatchSize">B.</param>
/// <param name="Times">How t is drawn.</param>
/// <param name="DropProbability">Share of conditions replaced by ∅ (classifier-free guidance; 0.1 in the released code).</param>
/// <param name="Flip">Whether half of the images are mirrored, drawn anew at each access.</param>
public sealed record DrawSettings(
    int BatchSize = 128,
    TimestepDraw Times = TimestepDraw.Antithetic,
    double DropProbability = 0.1,
    bool Flip = false
);

/// <summary>
/// Seeded batches: what is drawn for a pairing at a step depends on (seed, pairing, step) alone, so every method under one seed sees the same
/// retain batches, times and noises (common random numbers), and a resumed loop needs no generator state.
/// </summary>
public sealed class SeededBatches(NoiseSchedule schedule, DrawSettings settings, Seed seed, Device device) : IBatchSource
{
    private readonly Dictionary<Pairing, PairReader> readers = [];

    public NoisedBatch Next(Pairing pairing, int step)
    {
        using var scope = NewDisposeScope();
        var (bytes, conditions) = Reader(pairing).Batch(step, settings.BatchSize);
        using var generator = seed.At(pairing.Name + "/draws", step).Generator();
        return Noised(bytes, conditions, generator, settings.DropProbability).MoveToOuterDisposeScope();
    }

    public IEnumerable<NoisedBatch> Pass(Pairing pairing)
    {
        using var generator = seed.At(pairing.Name + "/pass").Generator();
        foreach (var (bytes, conditions) in Reader(pairing).Pass(settings.BatchSize))
        {
            NoisedBatch batch;
            using (bytes)
            using (conditions)
                batch = Noised(bytes, conditions, generator, dropProbability: 0);
            yield return batch;
        }
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

    private NoisedBatch Noised(Tensor bytes, Tensor conditions, Generator generator, double dropProbability)
    {
        using var scope = NewDisposeScope();
        var size = (int)bytes.shape[0];
        var clean = Pixels.ToModel(bytes.to(device)); // [B,C,H,W]
        if (settings.Flip)
            clean = Pixels.FlipWhere(clean, rand(size, generator: generator).lt(0.5).to(device));
        var time = Timesteps.Draw(settings.Times, size, schedule.Steps, generator).to(device);
        var noise = randn(clean.shape, ScalarType.Float32, generator: generator).to(device);
        var keep = Keep(size, dropProbability, generator);
        return new NoisedBatch(clean, new Condition(conditions.to(device).alias(), keep), time, noise).MoveToOuterDisposeScope();
    }

    private Tensor? Keep(int size, double dropProbability, Generator generator)
    {
        if (dropProbability <= 0)
            return null;
        using var scope = NewDisposeScope();
        return rand(size, generator: generator).ge(dropProbability).to(device).MoveToOuterDisposeScope();
    }
}
