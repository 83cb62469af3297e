using DiMum.Attacks;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Unlearning;
using static TorchSharp.torch;

namespace DiMum.Benchmarks;

/// <summary>The networks that are timed, on the built-in digits, their pixels repeated to the network's side.</summary>
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
    private readonly Dataset train;

    public Workload(Size size)
    {
        train = Enlarged(size == Size.Digits ? 1 : 2);
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

    public Pairing Train => Pairing.Train(train);

    /// <summary>DiMRA's rule, which is pre-training's too.</summary>
    public IUpdateRule Attack() => DiMRA.Rule(Model, Schedule, Batches, Pairing.Retain(train, UnlearnedSet), 1);

    /// <summary>What a method is given.</summary>
    public UnlearningContext Context(int iterations) =>
        new(
            Model,
            Schedule,
            Batches,
            Pairing.Forget(train, UnlearnedSet),
            Pairing.Retain(train, UnlearnedSet),
            Pairing.Memorization(train, UnlearnedSet, new HashSet<int> { 1 }),
            (condition, _) => new Condition(full_like(condition.Value, 1)),
            iterations,
            1
        );

    public static Trainer Trainer(ClassConditionalUNet model, IUpdateRule rule, double? ema = null) =>
        new(model, rule, new TrainerSettings(int.MaxValue, new LearningRate(1e-6), ema), Seed.At("trainer"));

    public void Dispose()
    {
        Model.Dispose();
        train.Dispose();
    }

    private static Dataset Enlarged(int times)
    {
        using var scope = NewDisposeScope();
        using var digits = Digits.Load();
        var images = digits.Train.Images.repeat_interleave(times, 2).repeat_interleave(times, 3);
        return new(digits.Train.Name, images.clone(), digits.Train.Labels.clone(), digits.Train.ClassNames);
    }
}
