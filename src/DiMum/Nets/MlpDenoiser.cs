using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Nets;

/// <summary>The small network's shape.</summary>
/// <param name="Classes">K.</param>
/// <param name="Dimensions">C·H·W of the data: coordinates in and out.</param>
/// <param name="Width">Width of every layer, even.</param>
/// <param name="Blocks">Residual blocks.</param>
/// <param name="Null">What stands for ∅.</param>
public sealed record MlpConfig(int Classes, int Dimensions, int Width = 64, int Blocks = 3, NullCondition Null = NullCondition.Learned)
{
    /// <summary>One line of every choice, for identities.</summary>
    public override string ToString() =>
        FormattableString.Invariant($"mlp(classes={Classes} dimensions={Dimensions} width={Width} blocks={Blocks} null={Null})");
}

/// <summary>
/// ε_θ(x_t, t, c) for points: residual blocks of two linear layers under the sum of time and class embeddings. Made for data of a few coordinates, where
/// the best denoiser is known; it has no dropout.
/// </summary>
public sealed class MlpDenoiser : ITrainableDenoiser
{
    private sealed record Block(Linear First, Linear Project, Linear Second)
    {
        public Tensor Forward(Tensor h, Tensor embedding) =>
            h + Second.Forward(functional.silu(First.Forward(functional.silu(h)) + Project.Forward(embedding)));
    }

    private readonly Parameter? nullEmbedding;
    private readonly Parameter classEmbedding;
    private readonly Embed time;
    private readonly Embed classes;
    private readonly Linear input;
    private readonly List<Block> blocks = [];
    private readonly Linear output;

    /// <param name="config">The shape.</param>
    /// <param name="device">Where the parameters live.</param>
    /// <param name="generator">Draws the initial values.</param>
    /// <param name="dtype">float32, or float64 for laws.</param>
    public MlpDenoiser(MlpConfig config, Device device, Generator generator, ScalarType dtype = ScalarType.Float32)
        : this(config, out var declared) => Parameters = new(declared, device, generator, dtype);

    private MlpDenoiser(MlpConfig config, out ParameterDeclarations declared)
    {
        if (config.Width < 4 || config.Width % 2 != 0 || config.Blocks < 1)
            throw new UserError(
                $"network: an mlp of width {config.Width} with {config.Blocks} blocks; channels must be even and at least 4, res-blocks at least 1"
            );
        Config = config;
        var root = new ParameterScope(declared = new());
        long width = config.Width;
        if (config.Null == NullCondition.Learned)
            nullEmbedding = root.Declare("null_classes_emb", Init.StandardNormal, width);
        time = new(root.Sub("temb"), width, width);
        classEmbedding = root.Declare("classes_emb.weight", Init.StandardNormal, config.Classes, width);
        classes = new(root.Sub("cemb"), width, width);
        input = new(root.Sub("in"), config.Dimensions, width);
        for (var i = 0; i < config.Blocks; i++)
        {
            var scope = root.Sub($"block.{i}");
            blocks.Add(
                new(new(scope.Sub("first"), width, width), new(scope.Sub("emb_proj"), width, width), new(scope.Sub("second"), width, width))
            );
        }

        output = new(root.Sub("out"), width, config.Dimensions);
        Parameters = null!; // set by the public constructor; counting needs none
    }

    /// <summary>The number of parameters of a network of this shape, without making one.</summary>
    public static long CountParameters(MlpConfig config) => Declared(config).Sum(p => p.Count);

    /// <summary>The parameters of a network of this shape, without making one.</summary>
    public static IReadOnlyList<Parameter> Declared(MlpConfig config)
    {
        _ = new MlpDenoiser(config, out var declared);
        return declared.All;
    }

    public MlpConfig Config { get; }

    public ParameterVector Parameters { get; }

    public Device Device => Parameters.Values.device;

    public bool Training { get; set; } = true;

    /// <inheritdoc/>
    public Tensor Predict(Tensor x, Tensor t, Condition condition)
    {
        using var scope = NewDisposeScope();
        var embedding = Embedding(t, condition, x.dtype); // [B,width]
        var h = input.Forward(x.reshape(x.shape[0], Config.Dimensions)); // [B,width]
        foreach (var block in blocks)
            h = block.Forward(h, embedding);
        return output.Forward(functional.silu(h)).view(x.shape).MoveToOuterDisposeScope();
    }

    /// <summary>Nothing: it drops nothing.</summary>
    public void SeedDropout(Seed seed) { }

    public void Dispose() => Parameters.Dispose();

    private Tensor Embedding(Tensor t, Condition condition, ScalarType dtype)
    {
        var looked = classEmbedding.Value.index_select(0, condition.Value); // [B,width]
        if (condition.Keep is { } keep)
        {
            var dropped = nullEmbedding is null ? zeros_like(looked) : nullEmbedding.Value.unsqueeze(0).expand_as(looked);
            looked = where(keep.unsqueeze(1), looked, dropped);
        }

        var features = ClassConditionalUNet.TimeFeatures(t, Config.Width, dtype);
        return functional.silu(time.Forward(features) + classes.Forward(looked));
    }
}
