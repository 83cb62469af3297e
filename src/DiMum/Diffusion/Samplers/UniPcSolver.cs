using MathNet.Numerics.LinearAlgebra;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion.Samplers;

/// <summary>
/// UniPC on x̂₀ (Zhao et al. 2023): each call first corrects the step that led to it, then predicts the next (diffusers@58eb52c
/// <c>UniPCMultistepScheduler</c>).
/// </summary>
public sealed class UniPcSolver : LambdaSolver
{
    private readonly int order;
    private readonly bool exponential;
    private readonly bool lowersAtEnd;
    private readonly Memory cleans;
    private readonly Memory origin;
    private int usedOrder;

    /// <param name="steps">The levels.</param>
    /// <param name="reading">How the output is read.</param>
    /// <param name="order">1…3.</param>
    /// <param name="exponential">B(h) = e^−h − 1 (the paper's B₂) instead of −h (B₁).</param>
    /// <param name="lowersAtEnd">Lower order in the last steps; the step to σ = 0, where λ is infinite, is of order 1 anyway.</param>
    public UniPcSolver(SigmaSteps steps, OutputReading reading, int order = 2, bool exponential = true, bool lowersAtEnd = true)
        : base(steps, reading)
    {
        (this.order, this.exponential, this.lowersAtEnd) = (order, exponential, lowersAtEnd);
        (cleans, origin) = (Remember(order), Remember(1));
    }

    /// <inheritdoc/>
    protected override Tensor Step(Tensor x, Tensor output, int call, NoiseSource noise)
    {
        var clean = Clean(x, output, call);
        if (call > First)
            x = Update(origin[0], call - 1, usedOrder, clean);
        var known = cleans.Count;
        cleans.Push(clean);
        usedOrder = Math.Min(
            Sigmas[call + 1] == 0 ? 1
                : lowersAtEnd ? Math.Min(order, Times.Count - call)
                : order,
            known + 1
        );
        origin.Push(x);
        return Update(x, call, usedOrder, null);
    }

    // From a level to the next; with x̂₀ at the next level it is the corrector.
    private Tensor Update(Tensor x, int from, int orderNow, Tensor? reached)
    {
        var h = Lambda(from + 1) - Lambda(from);
        var ratios = Enumerable.Range(1, orderNow - 1).Select(i => (Lambda(from - i) - Lambda(from)) / h).ToArray();
        var differences = ratios.Select((r, i) => (cleans[i + 1] - cleans[0]) / r).ToList();
        if (reached is not null)
            differences.Add(reached - cleans[0]);
        var weights = Weights(ratios, -h, reached is not null);
        var scale = exponential ? Math.Exp(-h) - 1 : -h;
        var next = Advance(x, from, from + 1, cleans[0]);
        foreach (var (weight, difference) in weights.Zip(differences))
            next = next - Signal(from + 1) * scale * weight * difference;
        return next;
    }

    // Solves ∑ r_jⁱ⁻¹·ρ_j = i!·φ_{i+1}(hh)/B(hh); one unknown is ½ by definition.
    private double[] Weights(double[] ratios, double hh, bool corrects)
    {
        var count = ratios.Length + (corrects ? 1 : 0);
        if (count <= 1)
            return count == 0 ? [] : [0.5];
        double[] all = [.. ratios, 1];
        var right = new double[count];
        var (phi, factorial) = ((Math.Exp(hh) - 1) / hh - 1, 1.0);
        for (var i = 0; i < count; i++)
        {
            right[i] = phi * factorial / (exponential ? Math.Exp(hh) - 1 : hh);
            factorial *= i + 2;
            phi = phi / hh - 1 / factorial;
        }

        return Matrix<double>.Build.Dense(count, count, (i, j) => Math.Pow(all[j], i)).Solve(Vector<double>.Build.Dense(right)).ToArray();
    }
}
