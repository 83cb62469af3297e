using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Optimization;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.StableDiffusion;

/// <summary>How a small autoencoder is trained.</summary>
/// <param name="Iterations">Steps.</param>
/// <param name="BatchSize">B.</param>
/// <param name="Rate">Peak lr; warms up over 5 % of the steps and falls by half a cosine.</param>
/// <param name="Divergence">Weight of KL(q(z|x) ‖ N(0, I)) beside the squared error, both summed over an image.</param>
/// <param name="Crop">Side of the random crops that all but the last fifth of the steps see; null for whole images throughout.</param>
public sealed record AutoencoderTrainingSettings(int Iterations, int BatchSize, double Rate, double Divergence = 1e-3, int? Crop = null);

/// <summary>
/// Training of an autoencoder from pixels alone: ‖x − D(z)‖² + κ·KL, z ~ q(z|x). No adversary, which these clean pictures don't need. Being
/// convolutional it learns from crops too, as Stable Diffusion's did, at a fraction of the time.
/// </summary>
public static class AutoencoderTraining
{
    private const int Measured = 256;

    /// <summary>Trains in place; <paramref name="onStep"/> sees (steps done, loss).</summary>
    /// <param name="checkpoint">Where it goes on from; null starts over.</param>
    /// <returns>The scaling factor: 1 over the deviation of the latents' means.</returns>
    public static double Train(
        AutoencoderKL autoencoder,
        Dataset images,
        AutoencoderTrainingSettings settings,
        Seed seed,
        Action<int, double>? onStep = null,
        CancellationToken cancel = default,
        FittingCheckpoint? checkpoint = null
    )
    {
        using var adam = new Adam(autoencoder.Parameters);
        var rate = Fitting.Course(settings.Rate, settings.Iterations);
        var reader = Pairing.Train(images).Read(seed);
        Tensor Loss(int step)
        {
            using var generator = seed.At("posterior", step).Generator();
            var crop = step < settings.Iterations * 4 / 5 ? settings.Crop : null;
            var x = Pixels.ToModel(Cropped(reader.Batch(step, settings.BatchSize).Images, crop, generator)); // [B,C,H,W]
            var posterior = autoencoder.Encode(x);
            var noise = randn(posterior.Mean.shape, ScalarType.Float32, generator: generator).to(x.device);
            var error = EpsilonLoss.SquaredError(x, autoencoder.Decode(posterior.Sample(noise)), LossReduction.SumPerImage);
            return error + settings.Divergence * posterior.Divergence().mean();
        }

        void Apply(int step)
        {
            GradientTransform.Clip(autoencoder.Parameters.Gradient, 10);
            adam.Step(rate.At(step, settings.Iterations));
        }

        Fitting.Run([new(autoencoder.Parameters, adam)], settings.Iterations, Loss, Apply, onStep, cancel, checkpoint);
        return Scale(autoencoder, images);
    }

    // One place for the whole batch: enough, as every step draws another.
    private static Tensor Cropped(Tensor images, int? side, Generator generator)
    {
        if (side is not { } s || s >= images.shape[2])
            return images;
        var at = randint(0, images.shape[2] - s + 1, 2, ScalarType.Int64, generator: generator).data<long>();
        return images.narrow(2, at[0], s).narrow(3, at[1], s);
    }

    private static double Scale(AutoencoderKL autoencoder, Dataset images)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        using var some = images.Spread("scale", Measured);
        return 1 / autoencoder.Encode(Pixels.ToModel(some.Images)).Mean.std().item<float>();
    }
}
