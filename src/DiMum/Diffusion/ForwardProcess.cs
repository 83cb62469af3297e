using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion;

/// <summary>Equation (1), the forward process.</summary>
public static class ForwardProcess
{
    /// <summary>x_t = √ᾱ_t · x₀ + √(1−ᾱ_t) · ε.</summary>
    /// <param name="schedule">Gives ᾱ_t.</param>
    /// <param name="x0">Clean images, [B,C,H,W] in [−1, 1].</param>
    /// <param name="t">Time steps, int64 [B] in 0…T−1.</param>
    /// <param name="noise">ε ~ N(0, I), [B,C,H,W]; drawn by the caller.</param>
    public static Tensor Noised(NoiseSchedule schedule, Tensor x0, Tensor t, Tensor noise)
    {
        using var scope = NewDisposeScope();
        var alphaBar = schedule.AlphaBarOf(t, ScalarType.Float64); // [B,1,1,1]
        var signal = alphaBar.sqrt().to(x0.dtype);
        var spread = (1 - alphaBar).sqrt().to(x0.dtype);
        return (signal * x0 + spread * noise).MoveToOuterDisposeScope(); // [B,C,H,W]
    }
}
