using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Unlearning;
using static TorchSharp.torch;

namespace DiMum.Tests.Conformance;

/// <summary>A sampler that adds noise to the finished image.</summary>
public sealed record NoisyAtLast : Sampler
{
    protected override Tensor Step(NoiseSchedule schedule, Tensor x, Tensor epsilon, int from, int to, NoiseSource noise)
    {
        var (now, next) = (schedule.AlphaBarAt(from), schedule.AlphaBarAt(to));
        var clean = (x - Math.Sqrt(1 - now) * epsilon) / Math.Sqrt(now);
        return Math.Sqrt(next) * clean + Math.Sqrt(1 - next) * epsilon + 0.01 * noise(x.shape);
    }
}

/// <summary>DDIM as anybody would write it: the kit makes it of a schedule and a number of steps.</summary>
public class RightSolver(NoiseSchedule schedule, int steps) : Solver
{
    private readonly int[] times = TimeGrid.Descending(TimeSpacing.Leading, schedule.Steps, steps);

    public override IReadOnlyList<double> Times => Array.ConvertAll(times, t => (double)t);

    public override Tensor Noised(Tensor clean, Tensor noise, int call) =>
        Math.Sqrt(AlphaBar(call)) * clean + Math.Sqrt(1 - AlphaBar(call)) * noise;

    protected override Tensor Step(Tensor x, Tensor output, int call, NoiseSource noise)
    {
        var clean = (x - Math.Sqrt(1 - AlphaBar(call)) * output) / Math.Sqrt(AlphaBar(call));
        return Noised(clean, output, call + 1);
    }

    private double AlphaBar(int call) => call < times.Length ? schedule.AlphaBarAt(times[call]) : 1;
}

/// <summary>The same with a number that outlives a run.</summary>
public sealed class RemembersSolver(NoiseSchedule schedule, int steps) : RightSolver(schedule, steps)
{
    private int calls;

    protected override Tensor Step(Tensor x, Tensor output, int call, NoiseSource noise) =>
        base.Step(x, output, call, noise) + 1e-3 * calls++;
}

/// <summary>A method that the kit cannot make by itself.</summary>
public sealed class NeedsASetting(double setting) : IUnlearningMethod
{
    public string Name => "needs-a-setting";
    public string Reading => "as published";
    public string Source => $"none; {setting}";

    public IUpdateRule Prepare(UnlearningContext context) => new UpdateRule(_ => []);
}

/// <summary>A method whose claims can't be read.</summary>
public sealed class BadClaims : IUnlearningMethod
{
    public static DiMum.Conformance.Claims Claims => throw new NotSupportedException("no claims");

    public string Name => "bad-claims";
    public string Reading => "as published";
    public string Source => "none";

    public IUpdateRule Prepare(UnlearningContext context) => new UpdateRule(_ => []);
}
