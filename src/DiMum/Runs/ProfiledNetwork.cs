using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.StableDiffusion;
using DiMum.Unlearning;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>A network with a source of batches, to be profiled: an experiment's, or a Stable Diffusion U-Net.</summary>
internal sealed record ProfiledNetwork(
    ITrainableDenoiser Model,
    NoiseSchedule Schedule,
    Func<int, NoisedBatch> Batch,
    int BatchSize,
    string Shape
) : IDisposable
{
    /// <summary>The name that stands for Stable Diffusion 1.5's U-Net; a diffusers <c>config.json</c> names any of its family.</summary>
    public const string StableDiffusion = "sd-1.5";

    private const int PromptTokens = 77;

    /// <summary>Whether the step ends with the optimiser's; Adam's vectors for 860 M parameters alone are 10 GiB.</summary>
    public bool Updates { get; init; } = true;

    /// <summary>Whether a moving average is kept.</summary>
    public bool Averages { get; init; }

    /// <summary>What a step is fed from.</summary>
    private IDisposable? Source { get; init; }

    /// <summary>An experiment's network with its pre-training batches; images that are not here are replaced by random ones of their shape.</summary>
    public static ProfiledNetwork Of(Experiment experiment, int? batchSize)
    {
        var device = Devices.Parse(experiment.Device);
        set_num_threads(experiment.Threads > 0 ? experiment.Threads : Environment.ProcessorCount);
        var size = batchSize ?? experiment.Pretrain.BatchSize;
        using var stored = Images(experiment.Data, size);
        var images = stored.To(device);
        using var generator = new Seed(1).Generator();
        var model = Workbench.NewClassNetwork(experiment, images, device, generator);
        var schedule = NoiseSchedule.Named[experiment.Diffusion.Schedule](experiment.Diffusion.Steps);
        var draws = new DrawSettings(size, experiment.Diffusion.Times, experiment.Diffusion.DropProbability, experiment.Data.Flip);
        var batches = new SeededBatches(schedule, draws, new Seed(1).At("profile"), device);
        var pairing = Pairing.Train(images);
        return new(model, schedule, step => batches.Next(pairing, step), size, Workbench.Shape(model))
        {
            Averages = experiment.Pretrain.Ema is not null,
            Source = images,
        };
    }

    /// <summary>A U-Net of the Stable Diffusion 1.x family at weights 0, on random latents and prompts' embeddings; forward and backward alone.</summary>
    /// <param name="what"><see cref="StableDiffusion"/>, or the path of a diffusers <c>config.json</c>.</param>
    /// <param name="device">Where.</param>
    /// <param name="batchSize">B; 1 unless told otherwise.</param>
    /// <param name="side">H = W of the latents; the configuration's, or 64, unless told otherwise.</param>
    public static ProfiledNetwork OfStableDiffusion(string what, Device device, int? batchSize, int? side)
    {
        var json = what == StableDiffusion ? null : JsonConfig.Read(what, "the config.json of a diffusers U-Net");
        if (json is not null && !json.Has("_class_name"))
            throw new UserError($"{what}: has no _class_name, expected the config.json of a diffusers U-Net (unet/config.json)");
        var config = json is null ? new UNet2DConditionConfig() : DiffusersConfigs.UNet(json);
        var (size, h) = (batchSize ?? 1, side ?? json?.Int("sample_size", 64) ?? 64);
        var halvings = config.BlockOutChannels.Count - 1;
        if (h % (1 << halvings) != 0)
            throw new UserError($"{what}: latents of side {h} can't be halved {halvings} times; give --side a multiple of {1 << halvings}");
        var model = new UNet2DConditionModel(config, device, generator: null);
        var schedule = NoiseSchedule.Named["scaled-linear"](1000);
        NoisedBatch Batch(int step)
        {
            using var generator = new Seed(1).At("profile", step).Generator();
            var clean = randn([size, config.InChannels, h, h], generator: generator).to(device);
            var prompt = randn([size, PromptTokens, config.CrossAttentionDim], generator: generator).to(device);
            var time = randint(0, schedule.Steps, size, ScalarType.Int64, generator: generator).to(device);
            return new(clean, new(prompt), time, randn(clean.shape, generator: generator).to(device));
        }

        return new(model, schedule, Batch, size, config.ToString()) { Updates = false };
    }

    public void Dispose()
    {
        Model.Dispose();
        Source?.Dispose();
    }

    private static Dataset Images(DataSettings data, int batchSize)
    {
        var own = data.Name switch
        {
            "cifar10" => (Channels: 3, Side: 32),
            "mnist" or "fashion-mnist" => (Channels: 1, Side: 28),
            _ => default,
        };
        if (own.Side == 0 || data.Path is not null)
        {
            var splits = DatasetSource.Load(data.Name, data.Path, data.Size);
            splits.Test.Dispose();
            return splits.Train;
        }

        var (count, side) = (Math.Max(2 * batchSize, 20), data.Size ?? own.Side);
        using var scope = NewDisposeScope();
        using var generator = new Seed(1).Generator();
        var pixels = randint(0, 256, [count, own.Channels, side, side], ScalarType.Byte, generator: generator);
        return new(
            $"random/{data.Name}",
            pixels,
            arange(count, ScalarType.Int64).remainder(10),
            [.. Enumerable.Range(0, 10).Select(c => $"{c}")]
        );
    }
}
