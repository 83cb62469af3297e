using BenchmarkDotNet.Attributes;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Unlearning.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Benchmarks;

/// <summary>Work on flat vectors of the CIFAR-10 network's length, 38,632,323.</summary>
[MemoryDiagnoser(displayGenColumns: false)]
public class VectorBenchmarks
{
    private const double Element = sizeof(float);
    private ParameterVector parameters = null!;
    private Adam adam = null!;
    private Ema average = null!;
    private Tensor other = null!;

    [GlobalSetup]
    public void SetUp()
    {
        using var generator = Workload.Seed.Generator();
        var declared = new ParameterDeclarations();
        var count = ClassConditionalUNet.CountParameters(new());
        declared.Declare("theta", Init.StandardNormal, count);
        parameters = new(declared, Session.Device, generator);
        using (no_grad())
            parameters.Gradient.copy_(randn(count, generator: generator));
        adam = new(parameters);
        average = new(parameters, 0.999);
        other = rand(count, generator: generator).to(Session.Device).DetachFromDisposeScope();
        var bytes = count * Element;
        // Norm reads g; Adam reads θ, g, m, v, shadow and writes all but g.
        Session.Figures[nameof(Update)] = new(Precision.Fp32, Bytes: 10 * bytes);
        Session.Figures[nameof(Mask)] = Session.Figures[nameof(MaskBySort)] = new(Precision.Fp32, Bytes: 2 * bytes);
        Session.Figures[nameof(Ratio)] = new(Precision.Fp32, Bytes: 3 * bytes);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        adam.Dispose();
        average.Dispose();
        parameters.Dispose();
        other.Dispose();
    }

    [Benchmark(Description = "clip, Adam, EMA")]
    public void Update()
    {
        adam.Step(1e-6, GradientTransform.Factor(GradientTransform.Norm(parameters.Gradient), 1), average);
        Session.Wait();
    }

    [Benchmark(Description = "SalUn's top-half mask")]
    public void Mask()
    {
        SalUn.TopMask(parameters.Gradient, 0.5).Dispose();
        Session.Wait();
    }

    [Benchmark(Description = "the same by a full sort")]
    [BenchmarkCategory(Slow.Category)]
    public void MaskBySort()
    {
        using var scope = NewDisposeScope();
        var order = argsort(parameters.Gradient.abs(), descending: true);
        zeros_like(parameters.Gradient).index_fill_(0, order.narrow(0, 0, order.numel() / 2), 1);
        Session.Wait();
    }

    [Benchmark(Description = "SFR-on's Fisher ratio mask")]
    public void Ratio()
    {
        SfrOn.RatioMask(other, parameters.Gradient, 1).Dispose();
        Session.Wait();
    }
}

/// <summary>Benchmarks that <c>--quick</c> leaves out.</summary>
internal static class Slow
{
    public const string Category = "slow";
}
