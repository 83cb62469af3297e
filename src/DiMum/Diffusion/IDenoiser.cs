using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion;

/// <summary>
/// A condition c for a batch, as the denoiser takes it: class indices int64 [B] for a class-conditional network, embeddings [B,L,D] for a
/// text-conditional one. Methods pass conditions on and never look inside.
/// </summary>
/// <param name="Value">The conditions, first axis B.</param>
/// <param name="Keep">bool [B]: true keeps the condition, false replaces it by ∅. Null keeps all.</param>
public sealed record Condition(Tensor Value, Tensor? Keep = null)
{
    /// <summary>The same conditions with another choice of dropped ones.</summary>
    public Condition Keeping(Tensor? keep) => this with { Keep = keep };

    /// <summary>∅ for every image.</summary>
    public Condition Dropped() => Keeping(zeros(Value.shape[0], ScalarType.Bool, Value.device));
}

/// <summary>ε_θ(x_t, t, c): whatever predicts the noise.</summary>
public interface IDenoiser
{
    /// <summary>Where it computes, and where its inputs must be.</summary>
    Device Device { get; }

    /// <summary>Whether dropout is active.</summary>
    bool Training { get; set; }

    /// <summary>ε_θ(x_t, t, c), float [B,C,H,W].</summary>
    /// <param name="x">x_t, float [B,C,H,W].</param>
    /// <param name="t">Times, int64 [B] in 0…T−1.</param>
    /// <param name="condition">c, with the entries that are replaced by ∅.</param>
    Tensor Predict(Tensor x, Tensor t, Condition condition);
}
