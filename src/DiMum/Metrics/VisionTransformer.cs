using DiMum.Checkpoints;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Metrics;

/// <summary>Shape of a vision transformer. Defaults are ViT-L/16's at 224 pixels, of UnlearnCanvas' classifiers.</summary>
/// <param name="Classes">K: 51 styles or 20 objects.</param>
/// <param name="ImageSize">Side of the input.</param>
/// <param name="PatchSize">Side of a patch, a divisor of it.</param>
/// <param name="Width">D.</param>
/// <param name="Layers">Blocks.</param>
/// <param name="Heads">Attention heads.</param>
public sealed record VisionTransformerConfig(
    int Classes,
    int ImageSize = 224,
    int PatchSize = 16,
    int Width = 1024,
    int Layers = 24,
    int Heads = 16
);

/// <summary>
/// The classifier of styles and of objects that UnlearnCanvas released: <c>vit_large_patch16_224.augreg_in21k</c> of timm with a new head; names,
/// shapes and order are timm's. Dosovitskiy et al. 2021: patches and a class token, pre-normalised blocks, the class token's logits.
/// </summary>
public sealed class VisionTransformer : IDisposable
{
    private const double Epsilon = 1e-6;

    private sealed record Block(LayerNorm Norm1, Linear Stacked, Linear Output, LayerNorm Norm2, Linear Widen, Linear Narrow);

    private readonly Parameter classToken;
    private readonly Parameter positions;
    private readonly Conv patches;
    private readonly List<Block> blocks = [];
    private readonly LayerNorm norm;
    private readonly Linear head;

    public VisionTransformer(VisionTransformerConfig config, Device device, Generator? generator)
        : this(config, out var declared) => Parameters = new(declared, device, generator, frozen: true);

    private VisionTransformer(VisionTransformerConfig config, out ParameterDeclarations declared)
    {
        if (config.ImageSize % config.PatchSize != 0 || config.Width % config.Heads != 0)
            throw new UserError(
                $"vision transformer: {config.ImageSize} pixels in patches of {config.PatchSize}, width {config.Width} in {config.Heads} heads: neither may leave a rest"
            );
        Config = config;
        declared = new();
        var root = new ParameterScope(declared);
        var (d, side) = ((long)config.Width, config.ImageSize / config.PatchSize);
        classToken = root.Declare("cls_token", new Init(InitKind.Normal, 0.02), 1, 1, d);
        positions = root.Declare("pos_embed", new Init(InitKind.Normal, 0.02), 1, 1 + (side * side), d);
        patches = new(root.Sub("patch_embed.proj"), 3, d, config.PatchSize, stride: config.PatchSize);
        for (var i = 0; i < config.Layers; i++)
        {
            var at = root.Sub($"blocks.{i}");
            blocks.Add(
                new(
                    new(at.Sub("norm1"), d, Epsilon),
                    new(at.Sub("attn.qkv"), d, 3 * d),
                    new(at.Sub("attn.proj"), d, d),
                    new(at.Sub("norm2"), d, Epsilon),
                    new(at.Sub("mlp.fc1"), d, 4 * d),
                    new(at.Sub("mlp.fc2"), 4 * d, d)
                )
            );
        }

        norm = new(root.Sub("norm"), d, Epsilon);
        head = new(root.Sub("head"), d, config.Classes);
        Parameters = null!; // set by the public constructor; declaring needs none
    }

    /// <summary>The parameters of a network of this shape, without making one.</summary>
    public static IReadOnlyList<Parameter> Declared(VisionTransformerConfig config)
    {
        _ = new VisionTransformer(config, out var declared);
        return declared.All;
    }

    public VisionTransformerConfig Config { get; }

    public ParameterVector Parameters { get; }

    /// <summary>Reads a released checkpoint: timm's names, plain or under <c>model_state_dict</c>, with or without <c>module.</c>.</summary>
    /// <exception cref="UserError">A tensor is missing or has another shape (a head of another number of classes).</exception>
    public static VisionTransformer Load(string path, VisionTransformerConfig config, Device? device = null)
    {
        var network = new VisionTransformer(config, device ?? CPU, null);
        try
        {
            using var weights = WeightsFile.Open(path);
            WeightsFile.Fill(
                weights,
                network.Parameters,
                p => [p.Name, $"model_state_dict.{p.Name}", $"module.{p.Name}", $"model_state_dict.module.{p.Name}"],
                "vision transformer"
            );
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>Features of the class token after the last normalisation [B,D], and logits [B,K].</summary>
    /// <param name="x">[B,3,S,S] in [−1, 1], which is timm's normalisation by mean ½ and deviation ½.</param>
    public (Tensor Features, Tensor Logits) Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var tokens = patches.Forward(x).flatten(2).transpose(1, 2); // [B,N,D]
        var h = cat([classToken.Value.expand(x.shape[0], -1, -1), tokens], 1) + positions.Value; // [B,1+N,D]
        foreach (var block in blocks)
            h = Through(block, h);
        var features = norm.Forward(h).select(1, 0);
        return (features.MoveToOuterDisposeScope(), head.Forward(features).MoveToOuterDisposeScope());
    }

    public void Dispose() => Parameters.Dispose();

    private Tensor Through(Block block, Tensor h)
    {
        using var scope = NewDisposeScope();
        var (b, n, d) = (h.shape[0], h.shape[1], h.shape[2]);
        var parts = block.Stacked.Forward(block.Norm1.Forward(h)).view(b, n, 3, Config.Heads, d / Config.Heads).permute(2, 0, 3, 1, 4); // [3,B,h,1+N,D/h]
        var mixed = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2]).transpose(1, 2).reshape(b, n, d);
        h = h + block.Output.Forward(mixed);
        return (h + block.Narrow.Forward(functional.gelu(block.Widen.Forward(block.Norm2.Forward(h))))).MoveToOuterDisposeScope();
    }
}
