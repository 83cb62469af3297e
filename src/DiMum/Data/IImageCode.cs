using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>How the images of a data set become x₀, what the network is given: bytes to pixels, or an autoencoder's moments to latents.</summary>
public interface IImageCode
{
    /// <summary>Whether x₀ of a mirrored image is x₀ mirrored.</summary>
    bool Mirrors { get; }

    /// <summary>x₀, float32 [B,C,H,W].</summary>
    /// <param name="stored">[B,…] as the data set keeps them.</param>
    /// <param name="seed">Of whatever is drawn.</param>
    Tensor Clean(Tensor stored, Seed seed);
}

/// <summary>Bytes 0…255 to pixels in [−1, 1], points as they are; draws nothing.</summary>
public sealed class PixelCode : IImageCode
{
    public static PixelCode Instance { get; } = new();

    public bool Mirrors => true;

    public Tensor Clean(Tensor stored, Seed seed) => Dataset.ToModel(stored);
}
