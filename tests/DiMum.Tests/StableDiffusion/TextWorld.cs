using DiMum.Data;
using DiMum.Diffusion;
using DiMum.StableDiffusion;
using DiMum.Unlearning;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.StableDiffusion;

/// <summary>
/// A tiny style-unlearning experiment: 3 styles × 2 objects with 4 images each, as moments of a tiny autoencoder, under prompts; style 0 is unlearned
/// and style 2 takes its place, object by object. Labels are style·2 + object.
/// </summary>
internal sealed class TextWorld : IDisposable
{
    private readonly PromptTable prompts;
    private readonly AutoencoderKL autoencoder;
    private readonly ConditionMap alternative;

    public TextWorld(long seed = 1)
    {
        var pipeline = TinyPipeline.Make();
        using (pipeline.TextEncoder)
            prompts = PromptTable.Encode(pipeline.Tokenizer, pipeline.TextEncoder, Texts);
        autoencoder = pipeline.Autoencoder;
        Model = new(pipeline.UNet, prompts);
        using var scope = NewDisposeScope();
        using var generator = new Seed(5).Generator();
        var images = randint(0, 256, [24, 3, 16, 16], ScalarType.Byte, generator: generator);
        Images = new("tiny", images, arange(24, ScalarType.Int64).floor_divide(4), Texts);
        Latents = LatentCode.Encode(autoencoder, Images);
        Code = new(TinyPipeline.Config.Autoencoder.ScalingFactor);
        alternative = new(Replacement, Texts.Length, CPU);
        Schedule = NoiseSchedule.ScaledLinear(50);
        Seed = new(seed);
    }

    public static string[] Texts { get; } =
    [
        .. new[] { "Van Gogh", "Monet", "Abstractionism" }.SelectMany(style =>
            new[] { "Bears", "Cats" }.Select(thing => $"A {thing} image in {style} style.")
        ),
    ];

    /// <summary>From an unlearned condition to its alternative.</summary>
    public static Dictionary<int, int> Replacement { get; } = new() { [0] = 4, [1] = 5 };

    public static HashSet<int> Unlearned { get; } = [0, 1];

    public TextConditionedDenoiser Model { get; }
    public PromptTable Prompts => prompts;
    public AutoencoderKL Autoencoder => autoencoder;
    public Dataset Images { get; }
    public Dataset Latents { get; }
    public LatentCode Code { get; }
    public NoiseSchedule Schedule { get; }
    public Seed Seed { get; }

    public SeededBatches Batches(int size = 2, Loader loader = Loader.Shuffled) =>
        new(Schedule, new DrawSettings(size, DropProbability: 0.3, Loader: loader), Seed, CPU, Code);

    public UnlearningContext Context(IBatchSource batches, int iterations = 2) =>
        new(
            Model,
            Schedule,
            batches,
            Pairing.Forget(Latents, Unlearned),
            Pairing.Retain(Latents, Unlearned),
            Pairing.Memorization(Latents, Replacement.ToDictionary(r => r.Value, r => r.Key)),
            alternative.Of,
            iterations,
            ClipNorm: 1
        )
        {
            Seed = Seed,
        };

    public void Dispose()
    {
        Model.Dispose();
        prompts.Dispose();
        autoencoder.Dispose();
        Images.Dispose();
        Latents.Dispose();
        alternative.Dispose();
    }
}
