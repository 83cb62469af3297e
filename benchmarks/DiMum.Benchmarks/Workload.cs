using DiMum.Attacks;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Unlearning;
using static TorchSharp.torch;

namespace DiMum.Benchmarks;

/// <summary>The networks that are timed.</summary>
public enum Size
{
    /// <summary>The demo's: 8×8, 32 channels, 326 k parameters, batch 64 of the built-in digits.</summary>
    Digits,

    /// <summary>16×16, 32 channels, multipliers 1-2-2, attention at 4, batch 64 of digits whose pixels are repeated.</summary>
    Small,

    /// <summary>The released CIFAR-10 network: 32×32, 38,632,323 parameters, batch 16 of random images.</summary>
    Cifar10,
}

/// <summary>A network with data, schedule and batches.</summary>
internal sealed class Workload : IDisposable
{
    public const int Unlearned = 0;
    private static readonly HashSet<int> UnlearnedSet = [Unlearned];
    private readonly Dataset train;

    public Workload(Size size, Precision precision = Precision.Fp32)
    {
        train = Images(size);
        var config = size switch
        {
            Size.Digits => new UNetConfig(10, 8, 1, 32, [1, 1], 1, [], 0, 8, NullCondition.Learned),
            Size.Small => new UNetConfig(10, 16, 1, 32, [1, 2, 2], 1, [4], 0, 8, NullCondition.Learned),
            _ => new UNetConfig(),
        };
        Batch = size == Size.Cifar10 ? 16 : 64;
        Shape = (config.ImageChannels, config.ImageSize, config.ImageSize);
        using var generator = Seed.At("init").Generator();
        Model = new(config, Session.Device, generator) { Precision = precision };
        var draws = new DrawSettings(Batch, TimestepDraw.Antithetic, 0.1, size == Size.Cifar10);
        Batches = new SeededBatches(Schedule, draws, Seed.At("batches"), Session.Device);
    }

    public static Seed Seed { get; } = new(1);

    public static NoiseSchedule Schedule { get; } = NoiseSchedule.Named["linear"](1000);

    public int Batch { get; }

    /// <summary>C, H, W.</summary>
    public (int C, int H, int W) Shape { get; }

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

    private static Dataset Images(Size size)
    {
        using var scope = NewDisposeScope();
        if (size == Size.Cifar10)
        {
            using var generator = Seed.At("pixels").Generator();
            var pixels = randint(0, 256, [1000, 3, 32, 32], ScalarType.Byte, generator: generator);
            var labels = arange(1000, ScalarType.Int64).remainder(10);
            return new("random", pixels.to(Session.Device), labels.to(Session.Device), [.. Enumerable.Range(0, 10).Select(c => $"{c}")]);
        }

        using var digits = Digits.Load();
        var times = size == Size.Digits ? 1 : 2;
        var images = digits.Train.Images.repeat_interleave(times, 2).repeat_interleave(times, 3);
        using var enlarged = new Dataset(digits.Train.Name, images.clone(), digits.Train.Labels.clone(), digits.Train.ClassNames);
        return enlarged.To(Session.Device);
    }
}
