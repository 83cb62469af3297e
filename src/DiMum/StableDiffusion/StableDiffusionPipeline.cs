using DiMum.Checkpoints;
using DiMum.Nets;
using static TorchSharp.torch;

namespace DiMum.StableDiffusion;

/// <summary>Element types of the three networks' weights, as they were stored and are written again.</summary>
public sealed record StoredTypes(
    ScalarType TextEncoder = ScalarType.Float32,
    ScalarType Autoencoder = ScalarType.Float32,
    ScalarType UNet = ScalarType.Float32
);

/// <summary>How a pipeline is loaded.</summary>
public sealed record LoadOptions
{
    /// <summary>Where the networks live; CPU where null.</summary>
    public Device? Device { get; init; }

    /// <summary>Whether the U-Net gets a gradient; the text encoder and the autoencoder are frozen always.</summary>
    public bool Trainable { get; init; } = true;

    /// <summary>Shapes of a CompVis single file, which doesn't say them; a diffusers folder does.</summary>
    public PipelineConfig SingleFile { get; init; } = PipelineConfig.V15;
}

/// <summary>
/// A whole Stable Diffusion 1.x model: text encoder, autoencoder, U-Net, tokenizer and schedule. Read from a diffusers folder, a CompVis single file
/// (<c>.ckpt</c>, <c>.safetensors</c>) or a released unlearned checkpoint (<c>{"state_dict": …}</c>); written as a diffusers folder of safetensors.
/// </summary>
public sealed record StableDiffusionPipeline(
    ClipTextEncoder TextEncoder,
    AutoencoderKL Autoencoder,
    UNet2DConditionModel UNet,
    ClipTokenizer Tokenizer,
    SchedulerConfig Scheduler
) : IDisposable
{
    /// <summary>What <see cref="Save"/> writes unless told otherwise: then a model that was only read and written is bit-equal.</summary>
    public StoredTypes Types { get; init; } = new();

    public PipelineConfig Config => new(UNet.Config, Autoencoder.Config, TextEncoder.Config, Scheduler);

    /// <summary>A pipeline of given shapes and weights of 0, to be filled.</summary>
    public static StableDiffusionPipeline Empty(PipelineConfig config, ClipTokenizer tokenizer, LoadOptions? options = null)
    {
        config.Check("pipeline");
        var (device, trainable) = (options?.Device ?? CPU, options?.Trainable ?? true);
        return new(
            new ClipTextEncoder(config.Text, device, null, frozen: true),
            new AutoencoderKL(config.Autoencoder, device, null, frozen: true),
            new UNet2DConditionModel(config.UNet, device, null, frozen: !trainable),
            tokenizer,
            config.Scheduler
        );
    }

    /// <summary>Loads a folder or a single file.</summary>
    /// <exception cref="UserError">It is missing, damaged, of another family (named), or lacks a tensor (named, with the nearest).</exception>
    public static StableDiffusionPipeline Load(string path, LoadOptions? options = null) =>
        Directory.Exists(path) ? DiffusersFolder.Load(path, options ?? new()) : CompVisFile.Load(path, options ?? new());

    /// <summary>Shapes and schedule of a model that <see cref="Load"/> would load, its weights unread; v1.5's of a single file, which doesn't say.</summary>
    /// <exception cref="UserError">A folder of another family, or a damaged configuration.</exception>
    public static PipelineConfig ConfigOf(string path) =>
        Directory.Exists(path) ? DiffusersFolder.Config(path) : new LoadOptions().SingleFile;

    /// <summary>Writes a diffusers folder; <c>model_index.json</c> comes last, so a folder that has one is whole.</summary>
    /// <param name="folder">Made where it is missing.</param>
    /// <param name="type">Element type of all weights; null keeps <see cref="Types"/>.</param>
    public void Save(string folder, ScalarType? type = null) =>
        DiffusersFolder.Save(this, folder, type is { } t ? new StoredTypes(t, t, t) : Types);

    /// <summary>Fills all three networks by <paramref name="fill"/>, which says the type a part is stored in.</summary>
    internal StableDiffusionPipeline Filled(Func<Part, ScalarType> fill)
    {
        try
        {
            return this with { Types = new(fill(Part.OfTextEncoder(this)), fill(Part.OfAutoencoder(this)), fill(Part.OfUNet(UNet))) };
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        TextEncoder.Dispose();
        Autoencoder.Dispose();
        UNet.Dispose();
    }
}
