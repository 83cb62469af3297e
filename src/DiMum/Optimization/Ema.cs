using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Optimization;

/// <summary>Exponential moving average of θ: shadow ← μ·shadow + (1−μ)·θ after every step, no warm-up (EMAHelper, Unlearn-Saliency@a6e89fd).</summary>
public sealed class Ema : IDisposable
{
    private readonly ParameterVector parameters;

    public Ema(ParameterVector parameters, double rate)
    {
        if (rate is < 0 or >= 1)
            throw new ArgumentOutOfRangeException(nameof(rate), rate, "μ must lie in [0, 1)");
        this.parameters = parameters;
        Rate = rate;
        Shadow = parameters.Snapshot().DetachFromDisposeScope();
    }

    /// <summary>μ; half-life ln ½ / ln μ steps.</summary>
    public double Rate { get; }

    /// <summary>[n].</summary>
    public Tensor Shadow { get; }

    public void Update()
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        // Two products, rounded each: a fused multiply-add is finer, but drifts from the released shadows by an ulp an element.
        Shadow.mul_(Rate).add_(parameters.Values * (1 - Rate));
    }

    public void Dispose() => Shadow.Dispose();
}
