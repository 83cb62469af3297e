using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion.Samplers;

/// <summary>What a network was trained to predict.</summary>
public enum Prediction
{
    /// <summary>ε.</summary>
    Noise,

    /// <summary>v = √ᾱ·ε − √(1−ᾱ)·x₀ (Salimans and Ho 2022).</summary>
    Velocity,

    /// <summary>x₀.</summary>
    Clean,
}

/// <summary>How x̂₀ and ε̂ are read from a network's output, and how x̂₀ is bounded.</summary>
/// <param name="Prediction">What the output is.</param>
/// <param name="Clip">x̂₀ is clamped to ±this; null leaves it.</param>
/// <param name="Threshold">x̂₀ is clamped to ±s and divided by s, s the given quantile of |x̂₀| in the image, between 1 and the given maximum (Saharia et al. 2022).</param>
public sealed record OutputReading(
    Prediction Prediction = Prediction.Noise,
    double? Clip = null,
    (double Quantile, double Maximum)? Threshold = null
)
{
    /// <summary>x̂₀ and ε̂ at x = signal·x₀ + spread·ε. ε̂ stays as predicted where x̂₀ is bounded.</summary>
    public (Tensor Clean, Tensor Noise) Read(Tensor x, Tensor output, double signal, double spread)
    {
        var (clean, noise) = Prediction switch
        {
            Prediction.Noise => ((x - spread * output) / signal, output),
            Prediction.Velocity => (signal * x - spread * output, signal * output + spread * x),
            Prediction.Clean => (output, (x - signal * output) / spread),
            _ => throw new InvalidOperationException($"unknown prediction {Prediction}"),
        };
        return (Bounded(clean), noise);
    }

    private Tensor Bounded(Tensor clean)
    {
        if (Threshold is { } threshold)
        {
            var shape = clean.shape.Select((n, axis) => axis == 0 ? n : 1L).ToArray();
            var largest = clean.flatten(1).abs().quantile(tensor(threshold.Quantile, clean.dtype), 1).view(shape); // [B,1,…]
            var bound = largest.clamp_min(1).clamp_max(threshold.Maximum);
            return minimum(maximum(clean, -bound), bound) / bound;
        }

        return Clip is { } range ? clean.clamp(-range, range) : clean;
    }
}
