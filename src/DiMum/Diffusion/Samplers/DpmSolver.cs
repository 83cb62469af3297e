using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion.Samplers;

/// <summary>Solvers that are exact in the linear part of the equation for x̂₀, in λ = −log σ (Lu et al. 2022).</summary>
public abstract class LambdaSolver(SigmaSteps steps, OutputReading reading) : Solver
{
    /// <inheritdoc/>
    public override IReadOnlyList<double> Times => steps.Times;

    /// <summary>σ before each call, and after the last.</summary>
    public IReadOnlyList<double> Sigmas => steps.Sigmas;

    /// <inheritdoc/>
    public override Tensor Noised(Tensor clean, Tensor noise, int call) => Signal(call) * clean + Spread(call) * noise;

    /// <summary>√ᾱ of a level.</summary>
    protected double Signal(int level) => 1 / Math.Sqrt(Sigmas[level] * Sigmas[level] + 1);

    /// <summary>√(1−ᾱ) of a level.</summary>
    protected double Spread(int level) => Sigmas[level] * Signal(level);

    /// <summary>λ of a level; +∞ at σ = 0.</summary>
    protected double Lambda(int level) => -Math.Log(Sigmas[level]);

    /// <summary>x̂₀ at a call.</summary>
    protected Tensor Clean(Tensor x, Tensor output, int call) => reading.Read(x, output, Signal(call), Spread(call)).Clean;

    /// <summary>x after a step between levels: spread ratio·x − α·(e^−h − 1)·D₀ and the given multiples of higher differences.</summary>
    private protected Tensor Advance(Tensor x, int from, int to, Tensor d0, params (Func<double, double> Weight, Tensor Difference)[] more)
    {
        var h = Lambda(to) - Lambda(from);
        var next = Spread(to) / Spread(from) * x - Signal(to) * (Math.Exp(-h) - 1) * d0;
        foreach (var (weight, difference) in more)
            next = next + Signal(to) * weight(h) * difference;
        return next;
    }

    /// <summary>−(e^−h − 1)/2: the first difference, midpoint.</summary>
    private protected static double Midpoint(double h) => -0.5 * (Math.Exp(-h) - 1);

    /// <summary>(e^−h − 1)/h + 1: the first difference, integrated.</summary>
    private protected static double Integrated(double h) => (Math.Exp(-h) - 1) / h + 1;

    /// <summary>−((e^−h − 1 + h)/h² − ½): the second difference, integrated.</summary>
    private protected static double IntegratedTwice(double h) => -((Math.Exp(-h) - 1 + h) / (h * h) - 0.5);
}

/// <summary>
/// DPM-Solver++ with the outputs of the last calls (diffusers@58eb52c <c>DPMSolverMultistepScheduler</c>): «2M» is order 2. Order 3 is as released: its second
/// difference has half the weight that would make the step exact where x̂₀ is quadratic in λ; in blocks of calls it has the whole.
/// </summary>
public sealed class DpmMultistepSolver : LambdaSolver
{
    private readonly int order;
    private readonly bool heun;
    private readonly bool endsAtZero;
    private readonly bool lowersAtEnd;
    private readonly bool eulerAtEnd;
    private readonly Memory cleans;

    /// <param name="steps">The levels.</param>
    /// <param name="reading">How the output is read.</param>
    /// <param name="order">1…3.</param>
    /// <param name="heun">The integrated first difference instead of the midpoint's, at order 2.</param>
    /// <param name="lowersAtEnd">Lower order in the last steps where there are fewer than 15.</param>
    /// <param name="eulerAtEnd">Order 1 in the last step.</param>
    public DpmMultistepSolver(
        SigmaSteps steps,
        OutputReading reading,
        int order = 2,
        bool heun = false,
        bool lowersAtEnd = true,
        bool eulerAtEnd = false
    )
        : base(steps, reading)
    {
        (this.order, this.heun, this.lowersAtEnd, this.eulerAtEnd) = (order, heun, lowersAtEnd, eulerAtEnd);
        endsAtZero = steps.Sigmas[^1] == 0;
        cleans = Remember(order);
    }

    /// <inheritdoc/>
    protected override Tensor Step(Tensor x, Tensor output, int call, NoiseSource noise)
    {
        cleans.Push(Clean(x, output, call));
        var few = lowersAtEnd && Times.Count < 15;
        var last = call == Times.Count - 1 && (eulerAtEnd || few || endsAtZero);
        var known = Math.Min(cleans.Count, order);
        if (known == 1 || last)
            return Advance(x, call, call + 1, cleans[0]);
        var h = Lambda(call + 1) - Lambda(call);
        var r0 = (Lambda(call) - Lambda(call - 1)) / h;
        var d1 = (cleans[0] - cleans[1]) / r0;
        if (known == 2 || (call == Times.Count - 2 && few))
            return Advance(x, call, call + 1, cleans[0], (heun ? Integrated : Midpoint, d1));
        var r1 = (Lambda(call - 1) - Lambda(call - 2)) / h;
        var change = d1 - (cleans[1] - cleans[2]) / r1;
        return Advance(x, call, call + 1, cleans[0], (Integrated, d1 + r0 / (r0 + r1) * change), (IntegratedTwice, change / (r0 + r1)));
    }
}

/// <summary>DPM-Solver++ in blocks of 1, 2 or 3 calls (diffusers@58eb52c <c>DPMSolverSinglestepScheduler</c>).</summary>
public sealed class DpmSinglestepSolver : LambdaSolver
{
    private readonly int[] orders;
    private readonly bool heun;
    private readonly Memory cleans;
    private readonly Memory origin;

    /// <param name="steps">The levels.</param>
    /// <param name="reading">How the output is read.</param>
    /// <param name="order">1…3: calls in a block.</param>
    /// <param name="heun">The integrated differences instead of the midpoint's.</param>
    /// <param name="lowersAtEnd">Lower order in the last block; always so where the steps make no whole blocks, or end at σ = 0.</param>
    public DpmSinglestepSolver(SigmaSteps steps, OutputReading reading, int order = 2, bool heun = false, bool lowersAtEnd = false)
        : base(steps, reading)
    {
        this.heun = heun;
        (cleans, origin) = (Remember(order), Remember(1));
        orders = Orders(steps.Times.Count, order, lowersAtEnd, steps.Sigmas[^1] == 0);
    }

    /// <inheritdoc/>
    protected override Tensor Step(Tensor x, Tensor output, int call, NoiseSource noise)
    {
        cleans.Push(Clean(x, output, call));
        var order = Math.Min(orders[call], cleans.Count);
        if (order == 1)
            origin.Push(x);
        var anchor = call - order + 1; // where the block began
        var h = Lambda(call + 1) - Lambda(anchor);
        double Ratio(int level) => (Lambda(level) - Lambda(anchor)) / h;
        if (order == 1)
            return Advance(x, call, call + 1, cleans[0]);
        if (order == 2)
            return Advance(origin[0], anchor, call + 1, cleans[1], (heun ? Integrated : Midpoint, (cleans[0] - cleans[1]) / Ratio(call)));
        var (r0, r1) = (Ratio(call), Ratio(call - 1));
        var (early, late) = ((cleans[1] - cleans[2]) / r1, (cleans[0] - cleans[2]) / r0);
        return heun
            ? Advance(
                origin[0],
                anchor,
                call + 1,
                cleans[2],
                (Integrated, (r0 * early - r1 * late) / (r0 - r1)),
                (IntegratedTwice, 2 * (late - early) / (r0 - r1))
            )
            : Advance(origin[0], anchor, call + 1, cleans[2], (Integrated, late));
    }

    private static int[] Orders(int steps, int order, bool lowersAtEnd, bool endsAtZero)
    {
        lowersAtEnd |= steps % order != 0 || endsAtZero;
        var block = Enumerable.Range(1, order).ToArray();
        int[] Blocks(int count) => [.. Enumerable.Repeat(block, count).SelectMany(b => b)];
        int[] orders = (lowersAtEnd, order, steps % order) switch
        {
            (false, _, _) or (_, 1, _) => Blocks(steps / order),
            (_, 2, 0) => [.. Blocks(steps / 2 - 1), 1, 1],
            (_, 2, _) => [.. Blocks(steps / 2), 1],
            (_, _, 0) => [.. Blocks(steps / 3 - 1), 1, 2, 1],
            (_, _, 1) => [.. Blocks(steps / 3), 1],
            _ => [.. Blocks(steps / 3), 1, 2],
        };
        if (endsAtZero)
            orders[^1] = 1;
        return orders;
    }
}
