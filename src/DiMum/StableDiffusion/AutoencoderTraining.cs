using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Optimization;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.StableDiffusion;

/// <summary>How an autoencoder is trained.</summary>
/// <param name="Iterations">Steps.</param>
/// <param name="BatchSize">B.</param>
/// <param name="Rate">Peak lr; warms up over 5 % of the steps and falls by half a cosine.</param>
/// <param name="DivergenceWeight">Of KL(q ‖ N(0, I)) per latent number against the mean absolute error of a pixel.</param>
public sealed record AutoencoderTrainingSettings(int Iterations, int BatchSize, double Rate, double DivergenceWeight);

/// <summary>
/// Trains <see cref="AutoencoderKL"/> as a plain variational autoencoder: L = mean |x − x̂| + mean (x − x̂)² + β·KL/n, x̂ = decode(z), z ~ q(z|x).
/// Without the adversarial and perceptual terms of CompVis/latent-diffusion@a506df5: enough for small drawn pictures.
/// </summary>
public static class AutoencoderTraining
{
    /// <summary>Trains in place; <paramref name="onStep"/> sees (steps done, loss).</summary>
    public static void Train(
        AutoencoderKL autoencoder,
        Dataset train,
        AutoencoderTrainingSettings settings,
        Seed seed,
        Action<int, double>? onStep = null,
        CancellationToken cancel = default
    )
    {
        using var adam = new Adam(autoencoder.Parameters);
        var rate = new LearningRate(settings.Rate, RateDecay.Cosine, Math.Max(1, settings.Iterations / 20));
        var reader = Pairing.Train(train).Read(seed);
        for (var step = 0; step < settings.Iterations; step++)
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using var generator = seed.At("posterior", step).Generator();
            var images = Pixels.ToModel(reader.Batch(step, settings.BatchSize).Images); // [B,C,H,W]
            autoencoder.Parameters.ZeroGradient();
            var loss = Loss(autoencoder, images, settings.DivergenceWeight, generator);
            loss.backward();
            GradientTransform.Clip(autoencoder.Parameters.Gradient, 1);
            adam.Step(rate.At(step, settings.Iterations));
            onStep?.Invoke(step + 1, loss.detach().item<float>());
        }
    }

    /// <summary>
    /// The scaling factor of a trained autoencoder, 1/σ, σ² the variance of all latents of <paramref name="some"/> (Rombach et al. 2022, appendix G).
    /// </summary>
    public static double ScalingFactor(AutoencoderKL autoencoder, Tensor some)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        return 1 / autoencoder.Encode(some).Mean.std().item<float>();
    }

    private static Tensor Loss(AutoencoderKL autoencoder, Tensor images, double divergenceWeight, Generator generator)
    {
        using var scope = NewDisposeScope();
        var posterior = autoencoder.Encode(images);
        var noise = randn(posterior.Mean.shape, ScalarType.Float32, generator: generator).to(images.device);
        var error = autoencoder.Decode(posterior.Sample(noise)) - images;
        var divergence = posterior.Divergence().mean() / posterior.Mean[0].numel();
        return (error.abs().mean() + error.square().mean() + divergenceWeight * divergence).MoveToOuterDisposeScope();
    }
}
