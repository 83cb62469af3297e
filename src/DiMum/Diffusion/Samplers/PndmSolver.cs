using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion.Samplers;

/// <summary>
/// PNDM (Liu et al. 2022): a linear multistep method on ε̂ (PLMS), started by Runge–Kutta steps or, as Stable Diffusion does, by one step of
/// the improved Euler kind; then there is one model call more than steps.
/// </summary>
public sealed class PndmSolver : Solver
{
    private const int Order = 4;
    private readonly NoiseSchedule schedule;
    private readonly bool velocity;
    private readonly bool lastIsClean;
    private readonly bool drawsAlways;
    private readonly int gap;
    private readonly int[] warmup;
    private readonly int[] times;
    private readonly Memory outputs;
    private readonly Memory sum;
    private readonly Memory origin;

    private PndmSolver(
        NoiseSchedule schedule,
        int[] ascending,
        int gap,
        bool skipsWarmup,
        bool velocity,
        bool lastIsClean,
        bool drawsAlways
    )
    {
        (this.schedule, this.gap, this.velocity) = (schedule, gap, velocity);
        (this.lastIsClean, this.drawsAlways) = (lastIsClean, drawsAlways);
        (outputs, sum, origin) = (Remember(Order), Remember(1), Remember(1));
        if (ascending.Length < (skipsWarmup ? 2 : Order))
            throw new UserError($"sampler: PNDM needs at least {(skipsWarmup ? 2 : Order)} steps, got {ascending.Length}");
        warmup = skipsWarmup ? [] : Warmup(ascending[^Order..], schedule.Steps / ascending.Length / 2);
        int[] linear = skipsWarmup ? [.. ascending[..^1], ascending[^2], ascending[^1]] : ascending[..^(Order - 1)];
        times = [.. warmup, .. linear.Reverse()];
    }

    /// <summary>As diffusers@58eb52c <c>PNDMScheduler</c>.</summary>
    /// <param name="schedule">Gives ᾱ_t.</param>
    /// <param name="steps">S.</param>
    /// <param name="skipsWarmup">Without Runge–Kutta steps, as Stable Diffusion.</param>
    /// <param name="prediction">Noise or velocity.</param>
    /// <param name="spacing">Which times are visited.</param>
    /// <param name="offset">Added to leading times; 1 for Stable Diffusion.</param>
    /// <param name="lastIsClean">Whether ᾱ is 1 after the last step; false for Stable Diffusion.</param>
    public static PndmSolver AsDiffusers(
        NoiseSchedule schedule,
        int steps,
        bool skipsWarmup,
        Prediction prediction = Prediction.Noise,
        TimeSpacing spacing = TimeSpacing.Leading,
        int offset = 0,
        bool lastIsClean = false
    )
    {
        if (prediction == Prediction.Clean)
            throw new UserError("sampler: PNDM follows noise or velocity predictions, not x₀");
        int[] ascending = [.. TimeGrid.Descending(spacing, schedule.Steps, steps, offset).Reverse()];
        return new(schedule, ascending, schedule.Steps / steps, skipsWarmup, prediction == Prediction.Velocity, lastIsClean, false);
    }

    /// <summary>As CompVis/stable-diffusion@21f890f <c>plms.py</c>: its DDIM's times, and noise drawn (times 0) at every update.</summary>
    public static PndmSolver AsCompVis(NoiseSchedule schedule, int steps) =>
        new(schedule, [.. DdimSolver.CompVisTimes(schedule.Steps, steps).Reverse()], schedule.Steps / steps, true, false, false, true);

    /// <inheritdoc/>
    public override IReadOnlyList<double> Times => Array.ConvertAll(times, t => (double)t);

    /// <inheritdoc/>
    public override Tensor Noised(Tensor clean, Tensor noise, int call)
    {
        var alphaBar = schedule.AlphaBarAt(times[call]);
        return Math.Sqrt(alphaBar) * clean + Math.Sqrt(1 - alphaBar) * noise;
    }

    /// <inheritdoc/>
    protected override Tensor Step(Tensor x, Tensor output, int call, NoiseSource noise)
    {
        if (drawsAlways)
            _ = noise(x.shape);
        return call < warmup.Length ? RungeKutta(x, output, call) : Linear(x, output, call);
    }

    // Each pair (t, t − gap/2) twice, without the ends.
    private static int[] Warmup(int[] last, int half)
    {
        var pairs = last.SelectMany((t, _) => new[] { t, t + half }).ToArray();
        return [.. pairs[..^1].SelectMany(t => new[] { t, t }).Skip(1).SkipLast(1).Reverse()];
    }

    private Tensor RungeKutta(Tensor x, Tensor output, int call)
    {
        var t = warmup[call / 4 * 4];
        var to = times[call] - (call % 2 == 1 ? 0 : gap / 2);
        if (call % 4 == 0)
        {
            outputs.Push(output);
            origin.Push(x);
            sum.Push(output / 6);
        }
        else if (call % 4 < 3)
        {
            sum.Push(sum[0] + output / 3);
        }
        else
        {
            output = sum[0] + output / 6;
        }

        return Transfer(origin[0], output, t, to);
    }

    private Tensor Linear(Tensor x, Tensor output, int call)
    {
        var (t, to) = (times[call], times[call] - gap);
        if (warmup.Length == 0 && call == First + 1)
        {
            // The first step again, with the mean of the outputs at both its ends.
            return Transfer(origin[0], (output + outputs[0]) / 2, t + gap, t);
        }

        outputs.Push(output);
        origin.Push(x);
        var e = outputs;
        return Transfer(
            x,
            e.Count switch
            {
                1 => output,
                2 => (3 * e[0] - e[1]) / 2,
                3 => (23 * e[0] - 16 * e[1] + 5 * e[2]) / 12,
                _ => (55 * e[0] - 59 * e[1] + 37 * e[2] - 9 * e[3]) / 24,
            },
            t,
            to
        );
    }

    // Eq. (9) of the paper, from t to s: DDIM at η = 0 in another form.
    private Tensor Transfer(Tensor x, Tensor output, int t, int s)
    {
        var now = schedule.AlphaBarAt(t);
        var next = s >= 0 || lastIsClean ? schedule.AlphaBarAt(s) : schedule.AlphaBarAt(0);
        var epsilon = velocity ? Math.Sqrt(now) * output + Math.Sqrt(1 - now) * x : output;
        var scale = now * Math.Sqrt(1 - next) + Math.Sqrt(now * (1 - now) * next);
        return Math.Sqrt(next / now) * x - (next - now) / scale * epsilon;
    }
}
