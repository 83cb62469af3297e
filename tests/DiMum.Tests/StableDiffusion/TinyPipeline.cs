using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.StableDiffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.StableDiffusion;

/// <summary>A whole Stable Diffusion model of a few thousand weights, random and seeded.</summary>
internal static class TinyPipeline
{
    public static readonly PipelineConfig Config = new(
        new UNet2DConditionConfig(
            BlockOutChannels: [16, 32],
            CrossAttention: [true, false],
            LayersPerBlock: 1,
            CrossAttentionDim: 16,
            Heads: 2,
            NormGroups: 8
        ),
        new AutoencoderConfig(BlockOutChannels: [16, 32], LayersPerBlock: 1, NormGroups: 8, ScalingFactor: 0.25),
        new ClipTextConfig(VocabularySize: 524, Width: 16, Heads: 2, Layers: 2, HiddenWidth: 32),
        new SchedulerConfig()
    );

    /// <summary>With CLIP's first ten merges: 524 tokens.</summary>
    public static ClipTokenizer Tokenizer() => new(FirstMerges.Value);

    private static readonly Lazy<List<(string, string)>> FirstMerges = new(() => [.. ClipTokenizer.StableDiffusion().Merges.Take(10)]);

    /// <param name="type">What the weights are rounded to.</param>
    /// <param name="config">Shapes.</param>
    public static StableDiffusionPipeline Make(ScalarType type = ScalarType.Float32, PipelineConfig? config = null)
    {
        config ??= Config;
        var tokenizer = config.Text.VocabularySize == Config.Text.VocabularySize ? Tokenizer() : ClipTokenizer.StableDiffusion();
        var pipeline = StableDiffusionPipeline.Empty(config, tokenizer) with { Types = new(type, type, type) };
        foreach (var (part, index) in Vectors(pipeline).Select((p, i) => (p, i)))
            Fill(part, new Seed(index + 1), type);
        return pipeline;
    }

    public static ParameterVector[] Vectors(StableDiffusionPipeline p) =>
        [p.TextEncoder.Parameters, p.Autoencoder.Parameters, p.UNet.Parameters];

    private static void Fill(ParameterVector parameters, Seed seed, ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        using var generator = seed.Generator();
        foreach (var p in parameters.Entries)
            parameters.Slice(parameters.Values, p.Name).copy_(ParameterVector.Fresh(p, generator)).add_(0.01);
        parameters.Values.copy_(parameters.Values.to(type).to(ScalarType.Float32));
    }
}
