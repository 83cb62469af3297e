using BenchmarkDotNet.Attributes;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Nets;
using static TorchSharp.torch;

namespace DiMum.Benchmarks;

/// <summary>64 images by 50 steps with classifier-free guidance: 50 forward passes of 128.</summary>
[MemoryDiagnoser(displayGenColumns: false)]
public class SamplingBenchmarks
{
    private const int Images = 64;
    private const int Steps = 50;
    private Workload workload = null!;

    [Params(Size.Digits, Size.Small)]
    public Size Size { get; set; }

    [ParamsAllValues]
    public Precision Precision { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        workload = new(Size, Precision);
        using var batch = workload.Batches.Next(workload.Train, 0);
        var (once, _) = Session.Count(workload.Model.Parameters, () => EpsilonLoss.Of(workload.Model, Workload.Schedule, batch));
        Session.Figures[nameof(Ddim)] = Session.Figures[nameof(Ddpm)] = new(Precision, Images, 2 * Steps * once * Images / workload.Batch);
    }

    [GlobalCleanup]
    public void CleanUp() => workload.Dispose();

    [Benchmark(Description = "DDIM-50 with guidance")]
    public void Ddim() => Generate(new Ddim { Steps = Steps });

    [Benchmark(Description = "DDPM-50 with guidance")]
    public void Ddpm() => Generate(new Ancestral { Steps = Steps });

    private void Generate(Sampler sampler)
    {
        using var scope = NewDisposeScope();
        new Generation(Workload.Schedule, sampler, Guidance.ByWeight(1), Images).Images(
            workload.Model,
            new long[Images],
            workload.Shape,
            Workload.Seed
        );
        Session.Wait();
    }
}
