using System.Security.Cryptography;
using System.Text;
using DiMum.Data;
using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.StableDiffusion;

/// <summary>
/// Latents x₀ = s·(mean + exp(logVariance/2)·noise) from an autoencoder's moments, the posterior sampled anew at every access, as Stable Diffusion
/// trains. The moments, mean over log-variance, are encoded once for all images.
/// </summary>
/// <param name="ScalingFactor">s (Stable Diffusion 1.x: 0.18215).</param>
public sealed record LatentCode(double ScalingFactor) : IImageCode
{
    private const int Batch = 16;

    public bool Mirrors => false;

    /// <inheritdoc/>
    public Tensor Clean(Tensor stored, Seed seed)
    {
        using var scope = NewDisposeScope();
        using var generator = seed.Generator();
        var halves = stored.chunk(2, 1); // two of [B,4,h,w]
        var noise = randn(halves[0].shape, ScalarType.Float32, generator: generator).to(stored.device);
        return (ScalingFactor * new LatentPosterior(halves[0], halves[1]).Sample(noise)).MoveToOuterDisposeScope();
    }

    /// <summary>What a decoder makes of x₀: images [B,C,H,W] in about [−1, 1].</summary>
    public Tensor Decode(AutoencoderKL autoencoder, Tensor latents)
    {
        using var scope = NewDisposeScope();
        return autoencoder.Decode(latents / ScalingFactor).MoveToOuterDisposeScope();
    }

    /// <summary>The same images as moments, float32 [N,8,h,w], under the same labels.</summary>
    /// <param name="autoencoder">Encodes.</param>
    /// <param name="data">Pixels.</param>
    /// <param name="cache">A folder where moments are kept by content; null keeps none.</param>
    public static Dataset Encode(AutoencoderKL autoencoder, Dataset data, string? cache = null)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var moments = ContentCache.Of(cache, "latents", () => Key(autoencoder, data), () => Moments(autoencoder, data));
        return new(data.Name + "/latents", moments.to(data.Labels.device).clone(), data.Labels.clone(), data.ClassNames);
    }

    private static Tensor Moments(AutoencoderKL autoencoder, Dataset data)
    {
        var device = autoencoder.Parameters.Values.device;
        var parts = new List<Tensor>();
        for (long from = 0; from < data.Count; from += Batch)
        {
            using var inner = NewDisposeScope();
            var bytes = data.Images.narrow(0, from, Math.Min(Batch, data.Count - from));
            var posterior = autoencoder.Encode(Pixels.ToModel(bytes.to(device)));
            parts.Add(cat([posterior.Mean, posterior.LogVariance], 1).to(ScalarType.Float32).MoveToOuterDisposeScope());
        }

        return cat(parts);
    }

    private static string Key(AutoencoderKL autoencoder, Dataset data)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var c = autoencoder.Config;
        hash.AppendData(
            Encoding.UTF8.GetBytes($"{string.Join('-', c.BlockOutChannels)} {c.LayersPerBlock} {c.NormGroups} {ContentHash.Of(data)}")
        );
        ContentCache.Add(hash, autoencoder.Parameters);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
