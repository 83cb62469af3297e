using BenchmarkDotNet.Attributes;
using DiMum.Runs;
using DiMum.Unlearning;

namespace DiMum.Benchmarks;

/// <summary>
/// One outer iteration of every registered method on the demo's network, batch 64 from each of its sources; what a method prepares once is not counted.
/// ESD's iteration denoises by 50 steps first.
/// </summary>
[MemoryDiagnoser(displayGenColumns: false)]
public class MethodBenchmarks
{
    private Workload workload = null!;
    private IUpdateRule rule = null!;
    private Trainer trainer = null!;

    public static IEnumerable<string> Methods => MethodRegistry.Names;

    [ParamsSource(nameof(Methods))]
    public string Method { get; set; } = "";

    [GlobalSetup]
    public void SetUp()
    {
        workload = new(Size.Digits);
        rule = MethodRegistry.Create(new MethodSettings { Name = Method }).Prepare(workload.Context(1000));
        trainer = Workload.Trainer(workload.Model, rule);
        Session.Figures[nameof(Iteration)] = new(workload.Model.Precision, workload.Batch);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        trainer.Dispose();
        rule.Dispose();
        workload.Dispose();
    }

    [Benchmark(Description = "iteration")]
    public void Iteration()
    {
        trainer.Step();
        Session.Wait();
    }
}
