using BenchmarkDotNet.Attributes;
using DiMum.Metrics;
using DiMum.Metrics.Inception;
using DiMum.Nets;
using MathNet.Numerics.LinearAlgebra;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Benchmarks;

/// <summary>What evaluation takes: Inception's features of 8 images of 32×32, resized to 299×299 (random weights), and the Fréchet distance at d = 2048.</summary>
[MemoryDiagnoser(displayGenColumns: false)]
public class MetricBenchmarks
{
    private const int Images = 8;
    private const int Dimension = 2048;
    private InceptionNetwork network = null!;
    private Tensor bytes = null!;
    private Frechet reference = null!;
    private Vector<double> mean = null!;
    private Matrix<double> covariance = null!;

    [GlobalSetup]
    public void SetUp()
    {
        using var scope = NewDisposeScope();
        using var generator = Workload.Seed.Generator();
        var weights = InceptionLayout
            .Tensors(InceptionVariant.Fid, 1008)
            .ToDictionary(t => t.Name, t => t.Shape.Length > 1 ? randn(t.Shape, generator: generator).mul_(0.03) : ones(t.Shape));
        network = new(new(InceptionVariant.Fid, weights, "random", Session.Device), "random");
        bytes = randint(0, 256, [Images, 3, 32, 32], ScalarType.Byte, generator: generator).to(Session.Device).DetachFromDisposeScope();
        reference = new(Vector<double>.Build.Dense(Dimension, i => i % 7), Spread(1));
        mean = Vector<double>.Build.Dense(Dimension, i => i % 5);
        covariance = Spread(2);
        Session.Figures[nameof(Features)] = new(Precision.Fp32, Images);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        network.Dispose();
        bytes.Dispose();
    }

    [Benchmark(Description = "Inception features")]
    public void Features()
    {
        using var scope = NewDisposeScope();
        network.Read(bytes, EvaluationProtocol.Clean);
        Session.Wait();
    }

    [Benchmark(Description = "Fréchet distance, d = 2048")]
    public double Distance() => reference.To(mean, covariance);

    // A diagonal and a hundred directions across it: full rank, not diagonal.
    private static Matrix<double> Spread(int seed)
    {
        var random = new Random(seed);
        var directions = Matrix<double>.Build.Dense(Dimension, 100, (_, _) => random.NextDouble() - 0.5);
        return directions * directions.Transpose() + Matrix<double>.Build.DenseDiagonal(Dimension, Dimension, i => 0.1 + i / 2048.0);
    }
}
