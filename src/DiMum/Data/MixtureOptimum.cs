using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>
/// The denoiser that minimises Eq. (4) on a mixture, in closed form: under a class ε*(x,t,k) = √(1−ᾱ)/s²·(x − √ᾱ·μ_k), s² = ᾱσ² + 1 − ᾱ;
/// under ∅ the posterior mean Σ_k p(k|x_t)·ε*(x,t,k). Computed in float64.
/// </summary>
public sealed class MixtureOptimum(GaussianMixture mixture, NoiseSchedule schedule) : IDenoiser
{
    public Device Device => CPU;

    public bool Training { get; set; }

    /// <inheritdoc/>
    public Tensor Predict(Tensor x, Tensor t, Condition condition)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var each = OfComponents(x, t, out var posterior); // [B,K,d], [B,K]
        var own = each.gather(1, condition.Value.view(-1, 1, 1).expand(-1, 1, mixture.Dimensions)).squeeze(1); // [B,d]
        if (condition.Keep is { } keep)
            own = where(keep.unsqueeze(1), own, (posterior.unsqueeze(2) * each).sum(1));
        return own.view(x.shape).to(x.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>The least loss at time t under a class: E ‖ε − ε*‖² = d·ᾱσ²/s².</summary>
    public double Floor(int t)
    {
        var (signal, variance) = At(schedule.AlphaBarAt(t));
        return mixture.Dimensions * signal / variance;
    }

    /// <summary>The least loss under ∅ given x_t = x, [B] float64: Floor(t) + Σ_k p(k|x)·‖ε*(x,t,k) − ε*(x,t,∅)‖².</summary>
    public Tensor FloorAt(Tensor x, Tensor t)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var each = OfComponents(x, t, out var posterior);
        var mean = (posterior.unsqueeze(2) * each).sum(1, keepdim: true); // [B,1,d]
        var between = (posterior * (each - mean).square().sum(2)).sum(1); // [B]
        var own = tensor(t.cpu().data<long>().Select(at => Floor((int)at)).ToArray());
        return (own + between).MoveToOuterDisposeScope();
    }

    private (double Signal, double Variance) At(double alphaBar)
    {
        var signal = alphaBar * mixture.Deviation * mixture.Deviation;
        return (signal, signal + 1 - alphaBar);
    }

    private Tensor OfComponents(Tensor x, Tensor t, out Tensor posterior)
    {
        var alphaBar = schedule.AlphaBarOf(t, ScalarType.Float64).view(-1, 1, 1); // [B,1,1]
        var variance = alphaBar * (mixture.Deviation * mixture.Deviation) + 1 - alphaBar;
        var means = tensor(mixture.Means.SelectMany(m => m).ToArray(), [1, mixture.Components, mixture.Dimensions]);
        var away = x.to(ScalarType.Float64).view(-1, 1, mixture.Dimensions) - alphaBar.sqrt() * means; // [B,K,d]
        var weights = tensor(mixture.Weights.ToArray()).log().unsqueeze(0); // [1,K]
        posterior = (weights - away.square().sum(2) / (2 * variance.squeeze(2))).softmax(1); // [B,K]
        return (1 - alphaBar).sqrt() / variance * away;
    }
}
