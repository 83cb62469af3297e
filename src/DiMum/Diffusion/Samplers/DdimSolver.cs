using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion.Samplers;

/// <summary>
/// DDIM (Song et al. 2020, Eqs. 12 and 16) as Stable Diffusion runs it: x_s = √ᾱ_s·x̂₀ + √(1−ᾱ_s−σ²)·ε̂ + σ·z. It differs from <see cref="Ddim"/> in
/// the times, and in ᾱ after the last step.
/// </summary>
public sealed class DdimSolver : Solver
{
    private readonly OutputReading reading;
    private readonly double eta;
    private readonly double[] now;
    private readonly double[] next;
    private readonly bool drawsAlways;

    private DdimSolver(IReadOnlyList<double> times, double[] now, double[] next, double eta, OutputReading reading, bool drawsAlways)
    {
        (Times, this.now, this.next) = (times, now, next);
        (this.eta, this.reading, this.drawsAlways) = (eta, reading, drawsAlways);
    }

    /// <summary>As diffusers@58eb52c <c>DDIMScheduler</c>: from t to t − ⌊T/S⌋; below 0, ᾱ is 1 or ᾱ₀.</summary>
    /// <param name="schedule">Gives ᾱ_t.</param>
    /// <param name="steps">S.</param>
    /// <param name="eta">η ≥ 0.</param>
    /// <param name="reading">How the output is read.</param>
    /// <param name="spacing">Which times are visited.</param>
    /// <param name="offset">Added to leading times; 1 for Stable Diffusion.</param>
    /// <param name="lastIsClean">Whether ᾱ is 1 after the last step; false for Stable Diffusion.</param>
    public static DdimSolver AsDiffusers(
        NoiseSchedule schedule,
        int steps,
        double eta = 0,
        OutputReading? reading = null,
        TimeSpacing spacing = TimeSpacing.Leading,
        int offset = 0,
        bool lastIsClean = true
    )
    {
        var times = TimeGrid.Descending(spacing, schedule.Steps, steps, offset);
        var gap = schedule.Steps / steps;
        double After(int t) =>
            t - gap >= 0 ? schedule.AlphaBarAt(t - gap)
            : lastIsClean ? 1
            : schedule.AlphaBarAt(0);
        return new(
            [.. times.Select(t => (double)t)],
            [.. times.Select(schedule.AlphaBarAt)],
            [.. times.Select(After)],
            eta,
            reading ?? new(),
            drawsAlways: false
        );
    }

    /// <summary>
    /// As CompVis/stable-diffusion@21f890f <c>ddim.py</c>: every ⌊T/S⌋-th time from 1 (so more than S where S does not divide T), ᾱ₀ after the
    /// last step, and noise drawn at every step, also where it is multiplied by 0.
    /// </summary>
    public static DdimSolver AsCompVis(NoiseSchedule schedule, int steps, double eta = 0)
    {
        var times = CompVisTimes(schedule.Steps, steps);
        var now = times.Select(schedule.AlphaBarAt).ToArray();
        return new([.. times.Select(t => (double)t)], now, [.. now.Skip(1), schedule.AlphaBarAt(0)], eta, new(), drawsAlways: true);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<double> Times { get; }

    /// <summary>ᾱ before each step.</summary>
    public IReadOnlyList<double> AlphaBar => now;

    /// <summary>ᾱ after each step.</summary>
    public IReadOnlyList<double> AlphaBarAfter => next;

    /// <summary>σ = η·√((1−ᾱ_s)/(1−ᾱ_t)·(1−ᾱ_t/ᾱ_s)) of a step.</summary>
    public double Deviation(int call) => eta * Math.Sqrt((1 - next[call]) / (1 - now[call]) * (1 - now[call] / next[call]));

    /// <inheritdoc/>
    public override Tensor Noised(Tensor clean, Tensor noise, int call) => Math.Sqrt(now[call]) * clean + Math.Sqrt(1 - now[call]) * noise;

    internal static int[] CompVisTimes(int total, int steps)
    {
        var gap = steps < 1 ? 0 : total / steps;
        if (gap < 2)
            throw new UserError($"sampler: CompVis' steps must lie in 1…{total / 2}, got {steps}");
        var count = (total - 1) / gap + 1;
        return (count - 1) * gap + 1 < total
            ? [.. Enumerable.Range(0, count).Reverse().Select(i => i * gap + 1)]
            : throw new UserError($"sampler: CompVis' times of {steps} steps pass the last of {total}; take another number of steps");
    }

    /// <inheritdoc/>
    protected override Tensor Step(Tensor x, Tensor output, int call, NoiseSource noise)
    {
        var (clean, epsilon) = reading.Read(x, output, Math.Sqrt(now[call]), Math.Sqrt(1 - now[call]));
        var sigma = Deviation(call);
        var step = Math.Sqrt(next[call]) * clean + Math.Sqrt(Math.Max(0, 1 - next[call] - sigma * sigma)) * epsilon;
        return drawsAlways || eta > 0 ? step + sigma * noise(x.shape) : step;
    }
}

/// <summary>DDIM backwards, from an image to the noise it comes from (diffusers@58eb52c <c>DDIMInverseScheduler</c>).</summary>
public sealed class DdimInversion(
    NoiseSchedule schedule,
    int steps,
    OutputReading reading,
    TimeSpacing spacing = TimeSpacing.Leading,
    int offset = 0,
    bool firstIsClean = true
) : Solver
{
    private readonly int[] times = [.. TimeGrid.Descending(spacing, schedule.Steps, steps, offset).Reverse()];

    /// <inheritdoc/>
    public override IReadOnlyList<double> Times => [.. times.Select(t => (double)t)];

    /// <inheritdoc/>
    public override Tensor Noised(Tensor clean, Tensor noise, int call) =>
        Math.Sqrt(Before(call)) * clean + Math.Sqrt(1 - Before(call)) * noise;

    /// <inheritdoc/>
    protected override Tensor Step(Tensor x, Tensor output, int call, NoiseSource noise)
    {
        var (before, after) = (Before(call), schedule.AlphaBarAt(times[call]));
        var (clean, epsilon) = reading.Read(x, output, Math.Sqrt(before), Math.Sqrt(1 - before));
        return Math.Sqrt(after) * clean + Math.Sqrt(1 - after) * epsilon;
    }

    private double Before(int call)
    {
        var t = Math.Min(times[call] - schedule.Steps / steps, schedule.Steps - 1);
        return t >= 0 ? schedule.AlphaBarAt(t)
            : firstIsClean ? 1
            : schedule.AlphaBarAt(0);
    }
}
