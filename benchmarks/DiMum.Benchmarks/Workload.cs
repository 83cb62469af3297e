using DiMum.Attacks;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Unlearning;
using static TorchSharp.torch;

namespace DiMum.Benchmarks;

/// <summary>The networks that are timed, on the built-in digits resized to the network's side.</summary>
public enum Size
{
    /// <summary>The demo's: 8×8, 32 channels, 338 k parameters.</summary>
    Digits,

    /// <summary>16×16, 32 channels, multipliers 1-2-2, attention at 4.</summary>
    Small,
}

/// <summary>A network with data, schedule and batches of 64.</summary>
internal sealed class Workload : IDisposable
{
    public const int Batch = 64;
    public const int Unlearned = 0;
    private static readonly HashSet<int> UnlearnedSet = [Unlearned];
    private readonly DataSplits data;

    public Workload(Size size)
    {
        data = DatasetSource.Load("digits", null, size == Size.Digits ? null : 16);
        var config = size switch
        {
            Size.Digits => new UNetConfig(10, 8, 1, 32, [1, 1], 1, [], 0, 8, NullCondition.Learned),
            _ => new UNetConfig(10, 16, 1, 32, [1, 2, 2], 1, [4], 0, 8, NullCondition.Learned),
        };
        using var generator = Seed.At("init").Generator();
        Model = new(config, CPU, generator);
        Batches = new SeededBatches(Schedule, new DrawSettings(Batch, TimestepDraw.Antithetic, 0.1, false), Seed.At("batches"), CPU);
    }

    public static Seed Seed { get; } = new(1);

    public static NoiseSchedule Schedule { get; } = NoiseSchedule.Named["linear"](1000);

    public ClassConditionalUNet Model { get; }

    public IBatchSource Batches { get; }

    public Pairing Train => Pairing.Train(data.Train);

    /// <summary>DiMRA's rule, which is pre-training's too.</summary>
    public IUpdateRule Attack() => DiMRA.Rule(Model, Schedule, Batches, Pairing.Retain(data.Train, UnlearnedSet), 1);

    /// <summary>What a method is given.</summary>
    public UnlearningContext Context(int iterations) =>
        new(
            Model,
            Schedule,
            Batches,
            Pairing.Forget(data.Train, UnlearnedSet),
            Pairing.Retain(data.Train, UnlearnedSet),
            Pairing.Memorization(data.Train, UnlearnedSet, new HashSet<int> { 1 }),
            (condition, _) => new Condition(full_like(condition.Value, 1)),
            iterations,
            1
        );

    public static Trainer Trainer(ClassConditionalUNet model, IUpdateRule rule, double? ema = null) =>
        new(model, rule, new TrainerSettings(int.MaxValue, new LearningRate(1e-6), ema), Seed.At("trainer"));

    public void Dispose()
    {
        Model.Dispose();
        data.Dispose();
    }
}
