using DiMum.Kernels;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Optimization;

/// <summary>Adam's constants; defaults are PyTorch's and the released baselines'.</summary>
/// <param name="WeightDecay">λ of the L2 term: g + λθ takes g's place.</param>
/// <param name="DecoupledDecay">λ of AdamW (Loshchilov and Hutter 2019): θ ← (1 − lr·λ)·θ before the step, g as it is.</param>
public sealed record AdamSettings(
    double Beta1 = 0.9,
    double Beta2 = 0.999,
    double Epsilon = 1e-8,
    double WeightDecay = 0,
    double DecoupledDecay = 0
);

/// <summary>
/// Adam (Kingma and Ba 2015) on a whole parameter vector: m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g²,
/// θ ← θ − lr/(1−β₁ᵏ) · m/(√v/√(1−β₂ᵏ) + ε). Equal to <c>torch.optim.Adam</c> on the separate tensors, in a handful of operations.
/// </summary>
public sealed class Adam : IDisposable
{
    private readonly ParameterVector parameters;
    private readonly AdamSettings settings;
    private const long Piece = 1 << 24; // elements stepped at once, so that scratch stays small beside a large vector
    private readonly Tensor scratch; // [min(n, Piece)]

    public Adam(ParameterVector parameters, AdamSettings? settings = null)
    {
        this.parameters = parameters;
        this.settings = settings ?? new();
        using var none = no_grad();
        FirstMoment = zeros_like(parameters.Values).DetachFromDisposeScope();
        SecondMoment = zeros_like(parameters.Values).DetachFromDisposeScope();
        using var first = parameters.Values.narrow(0, 0, Math.Min(Piece, parameters.Count));
        scratch = empty_like(first).DetachFromDisposeScope();
    }

    /// <summary>m, [n].</summary>
    public Tensor FirstMoment { get; }

    /// <summary>v, [n].</summary>
    public Tensor SecondMoment { get; }

    /// <summary>k, steps taken.</summary>
    public long Steps { get; set; }

    /// <summary>Which weights the decoupled decay reaches, [n] of 0 and 1; null: all. Not owned.</summary>
    public Tensor? Decaying { get; init; }

    /// <summary>One step down the vector's gradient at rate <paramref name="rate"/> (lr).</summary>
    public void Step(double rate) => Step(rate, 1, null);

    /// <summary>One step with what comes before and after it; on CPU one pass over all vectors.</summary>
    /// <param name="rate">lr.</param>
    /// <param name="factor">The gradient is multiplied by this first, in place: what clipping found.</param>
    /// <param name="average">Updated after the step.</param>
    public void Step(double rate, double factor, Ema? average)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        Steps++;
        Decay(rate * settings.DecoupledDecay);
        if (settings.WeightDecay == 0 && FlatAdam.Takes(parameters.Values))
        {
            FlatAdam.Step(
                parameters.Values,
                parameters.Gradient,
                FirstMoment,
                SecondMoment,
                average?.Shadow,
                Scalars(rate, factor, average)
            );
            return;
        }

        if (factor != 1)
            parameters.Gradient.mul_(factor);
        for (long from = 0; from < parameters.Count; from += Piece)
            Composite(rate, from, Math.Min(Piece, parameters.Count - from));
        average?.Update();
    }

    private void Decay(double share)
    {
        if (share == 0)
            return;
        if (Decaying is null)
            parameters.Values.mul_(1 - share);
        else
            for (long from = 0; from < parameters.Count; from += Piece)
            {
                using var scope = NewDisposeScope();
                var count = Math.Min(Piece, parameters.Count - from);
                var factor = scratch.narrow(0, 0, count).copy_(Decaying.narrow(0, from, count)).mul_(-share).add_(1);
                parameters.Values.narrow(0, from, count).mul_(factor); // a factor of 1 keeps the others' bits
            }
    }

    private FlatAdamStep Scalars(double rate, double factor, Ema? average) =>
        new(
            (float)factor,
            (float)settings.Beta1,
            (float)(1 - settings.Beta1),
            (float)settings.Beta2,
            (float)(1 - settings.Beta2),
            (float)settings.Epsilon,
            (float)(rate / (1 - Math.Pow(settings.Beta1, Steps))),
            (float)Math.Sqrt(1 - Math.Pow(settings.Beta2, Steps)),
            average?.Rate ?? 0
        );

    private void Composite(double rate, long from, long count)
    {
        using var scope = NewDisposeScope();
        Tensor Part(Tensor whole) => whole.narrow(0, from, count);
        var (values, g, m, v) = (Part(parameters.Values), Part(parameters.Gradient), Part(FirstMoment), Part(SecondMoment));
        if (settings.WeightDecay != 0)
            g = g.add(values, alpha: settings.WeightDecay);
        m.mul_(settings.Beta1).add_(g, alpha: 1 - settings.Beta1);
        v.mul_(settings.Beta2).addcmul_(g, g, 1 - settings.Beta2);
        var correction1 = 1 - Math.Pow(settings.Beta1, Steps);
        var correction2 = 1 - Math.Pow(settings.Beta2, Steps);
        var denominator = scratch.narrow(0, 0, count).copy_(v).sqrt_().div_(Math.Sqrt(correction2)).add_(settings.Epsilon);
        values.addcdiv_(m, denominator, -rate / correction1);
    }

    public void Dispose()
    {
        FirstMoment.Dispose();
        SecondMoment.Dispose();
        scratch.Dispose();
    }
}
