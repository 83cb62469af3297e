using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion.Samplers;

/// <summary>
/// Solvers of dx/dσ = (x − x̂₀)/σ on x/√ᾱ (Karras et al. 2022, Eq. 4): the network sees x/√(σ²+1), and time runs in σ.
/// </summary>
public abstract class SigmaSolver(SigmaSteps steps, OutputReading reading) : Solver
{
    /// <summary>Times and levels.</summary>
    protected SigmaSteps Levels => steps;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Times => steps.Times;

    /// <summary>σ before each call, and after the last.</summary>
    public IReadOnlyList<double> Sigmas => steps.Sigmas;

    /// <inheritdoc/>
    public override double StartDeviation => steps.StartDeviation;

    /// <inheritdoc/>
    public override Tensor Noised(Tensor clean, Tensor noise, int call) => clean + steps.Sigmas[call] * noise;

    /// <inheritdoc/>
    protected override Tensor Input(Tensor x, int call) => x * Signal(steps.Sigmas[call]);

    /// <summary>x̂₀ at a level.</summary>
    protected Tensor Clean(Tensor x, Tensor output, double sigma)
    {
        var signal = Signal(sigma);
        return reading.Read(x * signal, output, signal, sigma * signal).Clean;
    }

    private static double Signal(double sigma) => 1 / Math.Sqrt(sigma * sigma + 1);
}

/// <summary>Euler's method (diffusers@58eb52c <c>EulerDiscreteScheduler</c>).</summary>
public sealed class EulerSolver(SigmaSteps steps, OutputReading reading) : SigmaSolver(steps, reading)
{
    /// <inheritdoc/>
    protected override Tensor Step(Tensor x, Tensor output, int call, NoiseSource noise)
    {
        var (sigma, next) = (Sigmas[call], Sigmas[call + 1]);
        return x + (next - sigma) / sigma * (x - Clean(x, output, sigma));
    }
}

/// <summary>Euler's method down to a lower level than the next, and noise back up to it (<c>EulerAncestralDiscreteScheduler</c>).</summary>
public sealed class EulerAncestralSolver(SigmaSteps steps, OutputReading reading) : SigmaSolver(steps, reading)
{
    /// <inheritdoc/>
    protected override Tensor Step(Tensor x, Tensor output, int call, NoiseSource noise)
    {
        var (sigma, next) = (Sigmas[call], Sigmas[call + 1]);
        var up = Math.Sqrt(next * next * (sigma * sigma - next * next) / (sigma * sigma));
        var down = Math.Sqrt(next * next - up * up);
        return x + (down - sigma) / sigma * (x - Clean(x, output, sigma)) + up * noise(x.shape);
    }
}

/// <summary>Heun's method: Euler's step, then again with the mean of the slopes at both ends (<c>HeunDiscreteScheduler</c>).</summary>
public sealed class HeunSolver : SigmaSolver
{
    private readonly Memory slope;
    private readonly Memory origin;

    /// <param name="steps">The levels; all calls but the first and the last are doubled here.</param>
    /// <param name="reading">How the output is read.</param>
    public HeunSolver(SigmaSteps steps, OutputReading reading)
        : base(Doubled(steps), reading) => (slope, origin) = (Remember(1), Remember(1));

    /// <inheritdoc/>
    protected override Tensor Step(Tensor x, Tensor output, int call, NoiseSource noise)
    {
        var predicts = (call - First) % 2 == 0; // otherwise it corrects the step before
        var (from, to) = predicts ? (Sigmas[call], Sigmas[call + 1]) : (Sigmas[call - 1], Sigmas[call]);
        var at = predicts ? from : to;
        var mine = (x - Clean(x, output, at)) / at;
        if (!predicts)
            return origin[0] + (to - from) / 2 * (slope[0] + mine);
        slope.Push(mine);
        origin.Push(x);
        return x + (to - from) * mine;
    }

    private static SigmaSteps Doubled(SigmaSteps steps)
    {
        var n = steps.Times.Count;
        var twice = Enumerable.Range(1, n - 1).SelectMany(i => new[] { i, i });
        return steps.Repeated([0, .. twice], [0, .. twice, n]);
    }
}

/// <summary>Linear multistep: the slopes of the last calls as a polynomial in σ, integrated (<c>LMSDiscreteScheduler</c>).</summary>
public sealed class LmsSolver : SigmaSolver
{
    private readonly int order;
    private readonly Memory slopes;

    /// <param name="steps">The levels.</param>
    /// <param name="reading">How the output is read.</param>
    /// <param name="order">How many slopes, at most.</param>
    public LmsSolver(SigmaSteps steps, OutputReading reading, int order = 4)
        : base(steps, reading) => (this.order, slopes) = (order, Remember(order));

    /// <inheritdoc/>
    protected override Tensor Step(Tensor x, Tensor output, int call, NoiseSource noise)
    {
        slopes.Push((x - Clean(x, output, Sigmas[call])) / Sigmas[call]);
        var points = Math.Min(call + 1, order);
        for (var k = 0; k < Math.Min(points, slopes.Count); k++)
            x = x + Weight(call, k, points) * slopes[k];
        return x;
    }

    // ∫ ∏_{j≠k} (τ − σ_{i−j})/(σ_{i−k} − σ_{i−j}) dτ over the step, exact by three Gauss–Legendre points for degree ≤ 5.
    private double Weight(int call, int k, int points)
    {
        var (a, b) = (Sigmas[call], Sigmas[call + 1]);
        var node = Math.Sqrt(0.6);
        double At(double z)
        {
            var tau = (a + b) / 2 + (b - a) / 2 * z;
            var product = 1.0;
            for (var j = 0; j < points; j++)
                if (j != k)
                    product *= (tau - Sigmas[call - j]) / (Sigmas[call - k] - Sigmas[call - j]);
            return product;
        }

        return (b - a) / 2 * (5 * At(-node) + 8 * At(0) + 5 * At(node)) / 9;
    }
}
