using BenchmarkDotNet.Attributes;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Unlearning;
using static TorchSharp.torch;

namespace DiMum.Benchmarks;

/// <summary>One step of training and of generating, batch 64.</summary>
[MemoryDiagnoser]
public class StepBenchmarks
{
    private Workload workload = null!;
    private IUpdateRule rule = null!;
    private Trainer trainer = null!;
    private NoisedBatch batch = null!;
    private Generation generation = null!;

    [ParamsAllValues]
    public Size Size { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        workload = new(Size);
        rule = workload.Attack();
        trainer = Workload.Trainer(workload.Model, rule, ema: 0.999);
        batch = workload.Batches.Next(workload.Train, 0);
        generation = new(Workload.Schedule, new Ddim { Steps = 10 }, Guidance.ByWeight(1), Workload.Batch);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        trainer.Dispose();
        rule.Dispose();
        workload.Dispose();
    }

    [Benchmark(Description = "batch from the data set, noised")]
    public void Data()
    {
        using var scope = NewDisposeScope();
        workload.Batches.Next(workload.Train, 1);
    }

    [Benchmark(Description = "forward, no gradient")]
    public void Forward()
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        EpsilonLoss.Predict(workload.Model, Workload.Schedule, batch);
    }

    [Benchmark(Description = "forward and backward")]
    public void Backward()
    {
        using var scope = NewDisposeScope();
        workload.Model.Parameters.ZeroGradient();
        EpsilonLoss.Of(workload.Model, Workload.Schedule, batch).backward();
    }

    [Benchmark(Description = "whole DiMRA step: data, loss, clip, Adam, EMA", Baseline = true)]
    public void Step() => trainer.Step();

    [Benchmark(Description = "64 images, DDIM-10 with guidance")]
    public void Sampling()
    {
        using var scope = NewDisposeScope();
        generation.Images(workload.Model, new long[Workload.Batch], ImageShape, Workload.Seed);
    }

    private (int, int, int) ImageShape => Size == Size.Digits ? (1, 8, 8) : (1, 16, 16);
}
