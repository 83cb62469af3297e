using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Optimization;

/// <summary>
/// What happens to the flat gradient between backward and the optimiser, in order. Order matters: SalUn clips, then masks; SFR-on masks, then
/// clips.
/// </summary>
public sealed class GradientTransform
{
    private readonly IReadOnlyList<Action<Tensor>> steps;
    private readonly IReadOnlyList<double?> bounds; // of the clipping steps

    private GradientTransform(IReadOnlyList<Action<Tensor>> steps, IReadOnlyList<double?> bounds) =>
        (this.steps, this.bounds) = (steps, bounds);

    /// <summary>The gradient as it is.</summary>
    public static GradientTransform None { get; } = new([], []);

    /// <summary>Then g ← g · min(1, c/(‖g‖₂ + 1e-6)), as <c>clip_grad_norm_</c>; c = ∞ clips nothing.</summary>
    public GradientTransform ThenClip(double maxNorm) =>
        double.IsPositiveInfinity(maxNorm) ? this : new([.. steps, g => Clip(g, maxNorm)], [.. bounds, maxNorm]);

    /// <summary>Then g ← g ⊙ mask; <paramref name="mask"/> is [n] of 0 and 1 and outlives this transform.</summary>
    public GradientTransform ThenMask(Tensor mask) => new([.. steps, g => g.mul_(mask)], [.. bounds, null]);

    /// <summary>Then whatever <paramref name="step"/> does to the flat gradient [n], in place, without gradient.</summary>
    public GradientTransform Then(Action<Tensor> step) => new([.. steps, step], [.. bounds, null]);

    /// <summary>
    /// The same transform under observation: <paramref name="clipping"/> sees (bound, gradient) before each clipping,
    /// <paramref name="done"/> the gradient that the optimiser gets. For verification.
    /// </summary>
    internal GradientTransform Watched(Action<double, Tensor> clipping, Action<Tensor> done)
    {
        Action<Tensor> Shown(Action<Tensor> step, double? bound) =>
            bound is not { } c
                ? step
                : g =>
                {
                    clipping(c, g);
                    step(g);
                };
        return new([.. steps.Zip(bounds, Shown), done], [.. bounds, null]);
    }

    /// <summary>c where clipping to c is all there is: the optimiser may then multiply by the factor in its own pass.</summary>
    internal double? OnlyBound => bounds.Count == 1 ? bounds[0] : null;

    /// <summary>Applies all steps in place.</summary>
    public void Apply(Tensor gradient)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        foreach (var step in steps)
            step(gradient);
    }

    /// <summary>Global-norm clipping in place; returns the norm before it.</summary>
    public static double Clip(Tensor gradient, double maxNorm)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var norm = Norm(gradient);
        if (Factor(norm, maxNorm) is < 1 and var factor)
            gradient.mul_(factor);
        return norm;
    }

    /// <summary>min(1, c/(‖g‖₂ + 1e-6)); 1 where that is no number, as clipping then leaves the gradient.</summary>
    internal static double Factor(double norm, double maxNorm) => maxNorm / (norm + 1e-6) is < 1 and var factor ? factor : 1;

    /// <summary>
    /// ‖v‖₂ of a flat vector [n], in rows whose norms are added up in float64: one float32 reduction over all of 38.6 M elements comes out
    /// 0.3 % too small on CPU.
    /// </summary>
    public static double Norm(Tensor flat)
    {
        const long row = 4096;
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var whole = flat.numel() / row * row;
        var rows = flat.narrow(0, 0, whole).view(-1, row).norm(1); // [n/4096]
        var rest = flat.narrow(0, whole, flat.numel() - whole).norm().view(1);
        return cat([rows, rest]).to(ScalarType.Float64).norm().ToDouble();
    }
}
