using System.Security.Cryptography;
using System.Text;
using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Data.UnlearnCanvas;
using DiMum.Diffusion;
using DiMum.Metrics;
using DiMum.StableDiffusion;
using static TorchSharp.torch;

namespace DiMum.Runs.Subjects;

/// <summary>The files that a user brings for UnlearnCanvas: a Stable Diffusion model and the two released classifiers.</summary>
internal sealed class BroughtModel
{
    private const string From = "the folder linked from github.com/OPTML-Group/UnlearnCanvas has it";
    private readonly string model;
    private readonly string styles;
    private readonly string objects;
    private readonly Lazy<string> content; // hashes of gigabytes, asked for by every stage's key
    private readonly Lazy<string> classifiersContent;

    /// <exception cref="UserError">A setting is missing or names nothing.</exception>
    public BroughtModel(CanvasSettings settings)
    {
        model = Found("canvas.model", settings.Model, "a diffusers folder or a CompVis checkpoint");
        styles = Found("canvas.style-classifier", settings.StyleClassifier, "style50.pth");
        objects = Found("canvas.object-classifier", settings.ObjectClassifier, "style50_cls.pth");
        content = new(() => ContentOf(model));
        classifiersContent = new(() =>
            $"{ContentHash.OfFile(styles, "style classifier")} {ContentHash.OfFile(objects, "object classifier")}"
        );
        Config = StableDiffusionPipeline.ConfigOf(model);
    }

    /// <summary>Shapes, and the schedule that it was trained with.</summary>
    public PipelineConfig Config { get; }

    /// <exception cref="UserError">The model was trained with another schedule, or pictures of this side, pixels, can't go through its levels.</exception>
    public void Check(NoiseSchedule schedule, int side)
    {
        if (Config.Scheduler.Schedule is var trained && trained.Name != schedule.Name)
            throw new UserError(
                $"canvas.model was trained with {trained.Name} and diffusion says {schedule.Name}; set diffusion to the model's"
            );
        var factor = 1 << (Config.Autoencoder.BlockOutChannels.Count + Config.UNet.BlockOutChannels.Count - 2);
        if (side < factor || side % factor != 0)
            throw new UserError(
                $"data.size is {side}; expected a multiple of {factor}, by which autoencoder and network of canvas.model reduce it"
            );
    }

    /// <summary>What the model's files hold, as a name.</summary>
    public string Content => content.Value;

    /// <summary>The same of the classifiers.</summary>
    public string ClassifiersContent => classifiersContent.Value;

    /// <summary>The frozen parts; the U-Net is let go.</summary>
    public CanvasComponents Components(Device device)
    {
        var pipeline = Load(device);
        pipeline.UNet.Dispose();
        return new(pipeline.Autoencoder, pipeline.TextEncoder, pipeline.Tokenizer, pipeline.Autoencoder.Config.ScalingFactor);
    }

    /// <summary>Reads a U-Net from a file of its own or a whole model in one file: a stage's, diffusers', a released unlearned checkpoint's.</summary>
    public static void ReadNetwork(string path, UNet2DConditionModel network)
    {
        using var weights = WeightsFile.Open(path);
        var part = Part.OfUNet(network);
        WeightsFile.Fill(weights, part.Parameters, p => part.InFolder(p).Concat(part.InSingleFile(p)), part.What);
    }

    /// <summary>Writes the U-Net's weights as a stage keeps them.</summary>
    public void WriteNetwork(string file)
    {
        using var pipeline = Load(CPU);
        ModelFile.Write(file, pipeline.UNet.Parameters, null, new Dictionary<string, string>());
    }

    /// <summary>The classifier of styles.</summary>
    public IImageClassifier StyleClassifier(Device device) =>
        VisionTransformerClassifier.Load(styles, CanvasLabels.Released.Styles.Count, "canvas.style-classifier", device);

    /// <summary>The classifier of objects.</summary>
    public IImageClassifier ObjectClassifier(Device device) =>
        VisionTransformerClassifier.Load(objects, CanvasLabels.Released.Objects.Count, "canvas.object-classifier", device);

    private StableDiffusionPipeline Load(Device device) =>
        StableDiffusionPipeline.Load(model, new LoadOptions { Device = device, Trainable = false });

    private static string Found(string key, string? path, string what) =>
        path is null ? throw new UserError($"{key} is not set: unlearn-canvas needs {what}; {From}, or see --dry-run")
        : File.Exists(path) || Directory.Exists(path) ? path
        : throw new UserError($"{key}: '{path}' is not there; expected {what}; {From}");

    // Of a folder all files with their places, so that another scheduler or tokenizer counts.
    private static string ContentOf(string path)
    {
        if (File.Exists(path))
            return ContentHash.OfFile(path, "Stable Diffusion checkpoint");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            hash.AppendData(
                Encoding.UTF8.GetBytes($"{Path.GetRelativePath(path, file)} {ContentHash.OfFile(file, "Stable Diffusion model")}\n")
            );
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
