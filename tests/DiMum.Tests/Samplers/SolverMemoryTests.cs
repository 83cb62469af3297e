using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Samplers;

/// <summary>What solvers keep: nothing after a run, and nothing for the next.</summary>
[NonParallelizable]
public class SolverMemoryTests
{
    private static readonly NoiseSchedule Schedule = NoiseSchedule.Linear(60, 0.01, 0.1);

    private static IEnumerable<Solver> Solvers()
    {
        var reading = new OutputReading();
        yield return new DpmMultistepSolver(SigmaSteps.Integer(Schedule, 8), reading, 3);
        yield return new DpmSinglestepSolver(SigmaSteps.Integer(Schedule, 8), reading, 3);
        yield return PndmSolver.AsDiffusers(Schedule, 8, skipsWarmup: false);
        yield return PndmSolver.AsDiffusers(Schedule, 8, skipsWarmup: true);
    }

    [TestCaseSource(nameof(Solvers))]
    public void A_run_leaves_its_result_alone(Solver solver)
    {
        long Live() => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        using var start = ones(1, 4);
        var before = Live();
        var first = solver.Run(start, (x, _) => 0.1 * x, s => zeros(s));
        Assert.That(Live() - before, Is.EqualTo(1), "live tensors: x₀ alone, nothing that was remembered");
        using var second = solver.Run(start, (x, _) => 0.1 * x, s => zeros(s));
        Assert.That(
            second.data<float>().ToArray(),
            Is.EqualTo(first.data<float>().ToArray()),
            "a second run remembers nothing of the first"
        );
        first.Dispose();
    }
}
