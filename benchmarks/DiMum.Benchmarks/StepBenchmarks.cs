using BenchmarkDotNet.Attributes;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Unlearning;
using static TorchSharp.torch;

namespace DiMum.Benchmarks;

/// <summary>The network and one step of training it: pre-training and DiMRA are the same step on other pairs.</summary>
[MemoryDiagnoser(displayGenColumns: false)]
public class StepBenchmarks
{
    private Workload workload = null!;
    private IUpdateRule rule = null!;
    private Trainer trainer = null!;
    private NoisedBatch batch = null!;
    private int step;

    [ParamsAllValues]
    public Size Size { get; set; }

    [ParamsAllValues]
    public Precision Precision { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        workload = new(Size, Precision);
        rule = workload.Attack();
        trainer = Workload.Trainer(workload.Model, rule, ema: 0.999);
        batch = workload.Batches.Next(workload.Train, 0);
        workload.Model.SeedDropout(Workload.Seed);
        var (once, both) = Session.Count(workload.Model.Parameters, () => EpsilonLoss.Of(workload.Model, Workload.Schedule, batch));
        Session.Figures[nameof(Data)] = new(Precision, workload.Batch);
        Session.Figures[nameof(Forward)] = new(Precision, workload.Batch, once);
        Session.Figures[nameof(Backward)] = Session.Figures[nameof(Step)] = new(Precision, workload.Batch, both);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        batch.Dispose();
        trainer.Dispose();
        rule.Dispose();
        workload.Dispose();
    }

    [Benchmark(Description = "batch from the data set, noise, times")]
    public void Data()
    {
        using var scope = NewDisposeScope();
        workload.Batches.Next(workload.Train, ++step % 8);
        Session.Wait();
    }

    [Benchmark(Description = "U-Net, forward without gradient")]
    public void Forward()
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        EpsilonLoss.Predict(workload.Model, Workload.Schedule, batch);
        Session.Wait();
    }

    [Benchmark(Description = "U-Net, forward and backward")]
    public void Backward()
    {
        using var scope = NewDisposeScope();
        workload.Model.Parameters.ZeroGradient();
        EpsilonLoss.Of(workload.Model, Workload.Schedule, batch).backward();
        Session.Wait();
    }

    [Benchmark(Description = "whole DiMRA step: data, loss, clip, Adam, EMA")]
    public void Step()
    {
        trainer.Step();
        Session.Wait();
    }
}
