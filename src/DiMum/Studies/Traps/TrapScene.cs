using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Unlearning;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Studies.Traps;

/// <summary>The built-in digits, a fresh small network that is to unlearn class 3, and what a method is given.</summary>
internal sealed class TrapScene : IDisposable
{
    public const int Batch = 16;
    private static readonly HashSet<int> Unlearned = [3];
    private readonly DataSplits data = DatasetSource.Load("digits", null, null);

    public Seed Seed { get; } = new(23);
    public NoiseSchedule Schedule { get; } = NoiseSchedule.Named["linear"](1000);
    public Dataset Train => data.Train;
    public Dataset Test => data.Test;

    /// <summary>Its first weights.</summary>
    public ClassConditionalUNet Network()
    {
        using var generator = Seed.At("network").Generator();
        return new(new UNetConfig(10, 8, 1, 16, [1, 1], 1, [4], 0, 8, NullCondition.Learned), CPU, generator);
    }

    public UnlearningContext Context(ITrainableDenoiser model, Loader loader = Loader.Shuffled, int batch = Batch) =>
        new(
            model,
            Schedule,
            new SeededBatches(Schedule, new DrawSettings(batch, DropProbability: 0, Loader: loader), Seed.At("batches"), CPU),
            Pairing.Forget(Train, Unlearned),
            Pairing.Retain(Train, Unlearned),
            Pairing.Memorization(Train, Unlearned, new HashSet<int> { 4 }),
            (condition, _) => new(full_like(condition.Value, 4)),
            60,
            1
        );

    /// <summary>The gradient of a loss, [n].</summary>
    public static Tensor Gradient(ITrainableDenoiser model, Func<Tensor> loss)
    {
        model.Parameters.ZeroGradient();
        loss().backward();
        using var none = no_grad();
        return model.Parameters.Gradient.clone();
    }

    /// <summary>A 0/1 mask of every other weight, [n].</summary>
    public static Tensor HalfMask(ITrainableDenoiser model) => arange(model.Parameters.Count, ScalarType.Float32).remainder(2);

    /// <summary>Normal draws, float64.</summary>
    public Tensor Normal(string purpose, params long[] shape)
    {
        using var generator = Seed.At(purpose).Generator();
        return randn(shape, ScalarType.Float64, generator: generator);
    }

    public void Dispose() => data.Dispose();
}
