using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion;

/// <summary>One training batch with every random choice already made: images, conditions, times and noises are data here.</summary>
/// <param name="Clean">x₀, float [B,C,H,W] in [−1, 1].</param>
/// <param name="Condition">c, with the images whose condition is dropped.</param>
/// <param name="Time">t, int64 [B] in 0…T−1.</param>
/// <param name="Noise">ε, float [B,C,H,W].</param>
public sealed record NoisedBatch(Tensor Clean, Condition Condition, Tensor Time, Tensor Noise) : IDisposable
{
    /// <summary>The same images, times and noises under another condition: what relabelling methods (Eq. 6) compare.</summary>
    public NoisedBatch Under(Condition condition) => this with { Condition = condition };

    /// <summary>Hands the tensors to the enclosing dispose scope.</summary>
    public NoisedBatch MoveToOuterDisposeScope()
    {
        foreach (var part in Parts)
            part.MoveToOuterDisposeScope();
        return this;
    }

    public void Dispose()
    {
        foreach (var part in Parts)
            part.Dispose();
    }

    private IEnumerable<Tensor> Parts =>
        Condition.Keep is { } keep ? [Clean, Condition.Value, keep, Time, Noise] : [Clean, Condition.Value, Time, Noise];
}
