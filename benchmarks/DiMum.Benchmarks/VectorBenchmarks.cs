using BenchmarkDotNet.Attributes;
using DiMum.Metrics;
using DiMum.Optimization;
using DiMum.Unlearning.Methods;
using MathNet.Numerics.LinearAlgebra;
using static TorchSharp.torch;

namespace DiMum.Benchmarks;

/// <summary>Work on flat vectors of the CIFAR-10 network's length, and the Fréchet distance.</summary>
[MemoryDiagnoser]
public class VectorBenchmarks
{
    private const long Count = 38_632_323;
    private TorchSharp.torch.Tensor gradient = null!;
    private TorchSharp.torch.Tensor other = null!;
    private Frechet reference = null!;
    private Vector<double> mean = null!;
    private Matrix<double> covariance = null!;

    [GlobalSetup]
    public void SetUp()
    {
        using var generator = new DiMum.Diffusion.Seed(1).Generator();
        gradient = randn(Count, generator: generator);
        other = rand(Count, generator: generator);
        var moments = new FeatureMoments(512);
        var random = new Random(1);
        moments.Add(Matrix<double>.Build.Dense(2000, 512, (_, _) => random.NextDouble()));
        mean = Vector<double>.Build.Dense(512, i => i / 512.0);
        covariance = Matrix<double>.Build.DenseDiagonal(512, 512, i => 1 + i / 512.0);
        reference = new Frechet(moments);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        gradient.Dispose();
        other.Dispose();
    }

    [Benchmark(Description = "clip to norm 1")]
    public double Clip() => GradientTransform.Clip(gradient, 1);

    [Benchmark(Description = "SalUn's top-half mask")]
    public void Mask() => SalUn.TopMask(gradient, 0.5).Dispose();

    [Benchmark(Description = "the same by a full sort")]
    public void MaskBySort()
    {
        using var scope = NewDisposeScope();
        var order = argsort(gradient.abs(), descending: true);
        zeros_like(gradient).index_fill_(0, order.narrow(0, 0, Count / 2), 1);
    }

    [Benchmark(Description = "SFR-on's Fisher ratio mask")]
    public void Ratio() => SfrOn.RatioMask(other, other, 1).Dispose();

    [Benchmark(Description = "Fréchet distance, d = 512")]
    public double Distance() => reference.To(mean, covariance);
}
