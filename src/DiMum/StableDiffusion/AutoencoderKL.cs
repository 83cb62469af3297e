using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.StableDiffusion;

/// <summary>The autoencoder's shape. Defaults are Stable Diffusion v1.5's: 248 tensors, 83,653,863 parameters.</summary>
/// <param name="ImageChannels">Channels of the image.</param>
/// <param name="LatentChannels">Channels of the latent.</param>
/// <param name="BlockOutChannels">Width of each level; each level after the first halves the resolution.</param>
/// <param name="LayersPerBlock">Residual blocks a level (one more in the decoder).</param>
/// <param name="NormGroups">Groups of every group normalisation.</param>
/// <param name="ScalingFactor">What latents are multiplied by before diffusion.</param>
public sealed record AutoencoderConfig(
    int ImageChannels = 3,
    int LatentChannels = 4,
    IReadOnlyList<int>? BlockOutChannels = null,
    int LayersPerBlock = 2,
    int NormGroups = 32,
    double ScalingFactor = 0.18215
)
{
    public IReadOnlyList<int> BlockOutChannels { get; } = BlockOutChannels ?? [128, 256, 512, 512];
}

/// <summary>
/// Images to latents and back: names, shapes and order of diffusers@58eb52c <c>AutoencoderKL</c>; the same function as
/// CompVis/stable-diffusion@21f890f <c>autoencoder.py</c>. <see cref="Encode"/> and <see cref="Decode"/> are unscaled.
/// </summary>
public sealed class AutoencoderKL : IDisposable
{
    private readonly ParameterScope root = new(new ParameterDeclarations());
    private readonly AutoencoderHalf encoder;
    private readonly AutoencoderHalf decoder;
    private readonly Conv toMoments;
    private readonly Conv fromLatent;

    /// <param name="config">The shape.</param>
    /// <param name="device">Where the parameters live.</param>
    /// <param name="generator">Draws the initial values; null where weights are loaded next.</param>
    /// <param name="dtype">float32, or float64 for laws.</param>
    /// <param name="frozen">Without gradient, at half the memory.</param>
    public AutoencoderKL(
        AutoencoderConfig config,
        Device device,
        Generator? generator,
        ScalarType dtype = ScalarType.Float32,
        bool frozen = false
    )
        : this(config) => Parameters = new ParameterVector(root.Into, device, generator, dtype, frozen);

    private AutoencoderKL(AutoencoderConfig config)
    {
        Config = config;
        foreach (var width in config.BlockOutChannels)
            if (width % config.NormGroups != 0)
                throw new UserError($"autoencoder: width {width} is not divisible by {config.NormGroups} normalisation groups");
        encoder = AutoencoderHalf.Encoder(root.Sub("encoder"), config);
        decoder = AutoencoderHalf.Decoder(root.Sub("decoder"), config);
        toMoments = new(root.Sub("quant_conv"), 2 * config.LatentChannels, 2 * config.LatentChannels, 1);
        fromLatent = new(root.Sub("post_quant_conv"), config.LatentChannels, config.LatentChannels, 1);
        Parameters = null!; // set by the public constructor; declaring needs none
    }

    /// <summary>The parameters of an autoencoder of this shape, without making one.</summary>
    public static IReadOnlyList<Parameter> Declared(AutoencoderConfig config) => new AutoencoderKL(config).root.Into.All;

    public AutoencoderConfig Config { get; }

    public ParameterVector Parameters { get; }

    /// <summary>q(z|x) = N(mean, exp(logVariance)) of images [B,C,H,W] in [−1, 1]; H and W divisible by 2^(levels−1).</summary>
    public LatentPosterior Encode(Tensor images)
    {
        using var scope = NewDisposeScope();
        var moments = toMoments.Forward(encoder.Forward(images)).chunk(2, 1); // two of [B,4,h,w]
        return new LatentPosterior(moments[0], moments[1].clamp(-30, 20)).MoveToOuterDisposeScope();
    }

    /// <summary>Images [B,C,H,W] in about [−1, 1] from unscaled latents [B,4,h,w].</summary>
    public Tensor Decode(Tensor latents)
    {
        using var scope = NewDisposeScope();
        return decoder.Forward(fromLatent.Forward(latents)).MoveToOuterDisposeScope();
    }

    public void Dispose() => Parameters.Dispose();
}

/// <summary>A diagonal Gaussian over latents.</summary>
/// <param name="Mean">[B,4,h,w].</param>
/// <param name="LogVariance">[B,4,h,w] in −30…20.</param>
public sealed record LatentPosterior(Tensor Mean, Tensor LogVariance) : IDisposable
{
    /// <summary>mean + exp(logVariance/2)·noise.</summary>
    public Tensor Sample(Tensor noise)
    {
        using var scope = NewDisposeScope();
        return (Mean + (0.5 * LogVariance).exp() * noise).MoveToOuterDisposeScope();
    }

    /// <summary>KL(q ‖ N(0, I)) of every item, ½·∑(mean² + variance − 1 − logVariance): [B].</summary>
    public Tensor Divergence()
    {
        using var scope = NewDisposeScope();
        return (0.5 * (Mean.square() + LogVariance.exp() - 1 - LogVariance).flatten(1).sum(1)).MoveToOuterDisposeScope();
    }

    public LatentPosterior MoveToOuterDisposeScope()
    {
        Mean.MoveToOuterDisposeScope();
        LogVariance.MoveToOuterDisposeScope();
        return this;
    }

    public void Dispose()
    {
        Mean.Dispose();
        LogVariance.Dispose();
    }
}
