using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Data.UnlearnCanvas;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.StableDiffusion;
using DiMum.Unlearning;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs.Subjects;

/// <summary>Latents under prompts: the Stable Diffusion half of the paper. A condition is style·objects + object; what is unlearned is a style.</summary>
internal sealed class CanvasSubject : ISubject
{
    private readonly Workbench bench;
    private readonly CanvasComponents components;
    private readonly PromptTable prompts;
    private readonly ConditionMap alternative;
    private readonly IReadOnlyDictionary<int, int> instead;
    private readonly LatentCode code;

    /// <param name="bench">Data and settings.</param>
    /// <param name="components">Autoencoder and text encoder; owned from here on.</param>
    /// <param name="cache">Where latents and text features are kept.</param>
    public CanvasSubject(Workbench bench, CanvasComponents components, string cache)
    {
        (this.bench, this.components) = (bench, components);
        var texts = bench.Labels!.Prompts(bench.Experiment.Canvas.Wording);
        prompts = PromptTable.Encode(components.Tokenizer, components.Text, texts, cache: cache);
        code = new(components.ScalingFactor);
        Pairs = LatentCode.Encode(components.Autoencoder, bench.ConditionedTrain, cache);
        instead = CanvasVocabulary.Instead(bench.Classes.Unlearned, Other(bench), bench.Objects);
        alternative = new(instead, texts.Count, bench.Device);
        Unlearned = instead.Keys.ToHashSet();
    }

    /// <summary>Looks for what this subject can't do, before its parts are trained.</summary>
    /// <exception cref="UserError">Several alternatives, or a prompt that the text encoder has no room for.</exception>
    public static void Check(Workbench bench)
    {
        _ = Other(bench);
        if (bench.Brought is not null)
            return; // its text encoder has its own room, and nothing is trained before the prompts are encoded
        var (canvas, tokenizer) = (bench.Experiment.Canvas, ClipTokenizer.StableDiffusion());
        var (prompt, tokens) = bench
            .Labels!.Prompts(canvas.Wording)
            .Select(p => (Prompt: p, Tokens: tokenizer.Tokenize(p).Count + 2))
            .MaxBy(p => p.Tokens);
        if (tokens > canvas.Text.Tokens)
            throw new UserError(
                $"canvas.text.tokens is {canvas.Text.Tokens}; expected at least {tokens}, the length of '{prompt}' with start and end"
            );
    }

    public Dataset Pairs { get; }
    public IImageCode Code => code;
    public IReadOnlySet<int> Unlearned { get; }
    public Func<Tensor, Tensor> Decode => latents => code.Decode(components.Autoencoder, latents);

    public (int C, int H, int W) Shape => ((int)Pairs.Images.shape[1] / 2, Pairs.Height, Pairs.Width);

    /// <summary>The U-Net's shape for latents of this size.</summary>
    public static UNet2DConditionConfig NetworkOf(Experiment e, int imageSize)
    {
        var (n, c) = (e.Network, e.Canvas);
        var size = imageSize >> (c.Autoencoder.Widths.Count - 1);
        return new(
            c.Autoencoder.LatentChannels,
            c.Autoencoder.LatentChannels,
            [.. n.Multipliers.Select(m => n.Channels * m)],
            [.. n.Multipliers.Select((_, level) => n.Attention.Contains(size >> level))],
            n.ResBlocks,
            c.Text.Width,
            c.Heads,
            NormGroups: n.NormGroups
        );
    }

    public ITrainableDenoiser NewNetwork(string purpose)
    {
        using var generator = bench.Seed.At(purpose).Generator();
        return new TextConditionedDenoiser(new(bench.LatentNetwork, bench.Device, generator), prompts);
    }

    // Of a brought model also the CompVis names of the released checkpoints.
    public void Read(string path, ITrainableDenoiser network)
    {
        if (bench.Brought is null)
            ModelFile.Read(path, network.Parameters);
        else
            BroughtModel.ReadNetwork(path, ((TextConditionedDenoiser)network).UNet);
    }

    public int Condition(int measuredClass, int n) => (measuredClass * bench.Objects) + (n % bench.Objects);

    public Tensor Saved(Tensor clean) => clean;

    public Dataset Encoded(Dataset images) => LatentCode.Encode(components.Autoencoder, images);

    public Pairing Memorization() => Pairing.Memorization(Pairs, instead.ToDictionary(i => i.Value, i => i.Key));

    public Condition Alternative(Condition condition, int step) => alternative.Of(condition, step);

    // The style that takes the unlearned one's place.
    private static int Other(Workbench bench) =>
        bench.Classes.Alternative is [var other]
            ? other
            : throw new UserError(
                $"unlearn.alternative names {bench.Classes.Alternative.Count} styles; name one, whose images stand for those of the same object"
            );

    public void Dispose()
    {
        components.Dispose();
        prompts.Dispose();
        alternative.Dispose();
        Pairs.Dispose();
    }
}

/// <summary>The frozen parts around the U-Net.</summary>
internal sealed record CanvasComponents(AutoencoderKL Autoencoder, ClipTextEncoder Text, ClipTokenizer Tokenizer, double ScalingFactor)
    : IDisposable
{
    public void Dispose()
    {
        Autoencoder.Dispose();
        Text.Dispose();
    }
}
