using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion.Samplers;

/// <summary>
/// Ancestral sampling, Eq. (3), as diffusers@58eb52c <c>DDPMScheduler</c>: the same step as <see cref="Ancestral"/>, at diffusers' times, with its
/// ways to read the output. Noise is drawn wherever t &gt; 0, also at a last step.
/// </summary>
/// <param name="schedule">Gives ᾱ_t.</param>
/// <param name="steps">S; null visits all T times.</param>
/// <param name="reading">How the output is read.</param>
/// <param name="variance">σ_t².</param>
/// <param name="spacing">Which times are visited.</param>
/// <param name="offset">Added to leading times.</param>
public sealed class AncestralSolver(
    NoiseSchedule schedule,
    int? steps,
    OutputReading reading,
    ReverseVariance variance = ReverseVariance.Small,
    TimeSpacing spacing = TimeSpacing.Leading,
    int offset = 0
) : Solver
{
    private const double SmallestVariance = 1e-20;
    private readonly int[] times = TimeGrid.Descending(
        steps is null ? TimeSpacing.Leading : spacing,
        schedule.Steps,
        steps ?? schedule.Steps,
        steps is null ? 0 : offset
    );

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
        var (now, next) = (schedule.AlphaBarAt(times[call]), call + 1 < times.Length ? schedule.AlphaBarAt(times[call + 1]) : 1);
        var alpha = schedule.Rounded(now / next);
        var (clean, _) = reading.Read(x, output, Math.Sqrt(now), Math.Sqrt(1 - now));
        var mean = Math.Sqrt(next) * (1 - alpha) / (1 - now) * clean + Math.Sqrt(alpha) * (1 - next) / (1 - now) * x;
        if (times[call] == 0)
            return mean;
        var small = Math.Max((1 - next) / (1 - now) * (1 - alpha), SmallestVariance);
        return mean + Math.Sqrt(variance == ReverseVariance.Large ? 1 - alpha : small) * noise(x.shape);
    }
}
