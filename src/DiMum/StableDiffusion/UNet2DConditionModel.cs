using DiMum.Diffusion;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.StableDiffusion;

/// <summary>
/// ε_θ(x_t, t, c) of Stable Diffusion 1.x on latents, c being a text's token embeddings: structure, parameter names, shapes and order of
/// diffusers@58eb52c <c>UNet2DConditionModel</c>; the same function as CompVis/stable-diffusion@21f890f <c>openaimodel.py</c>, UNetModel.
/// </summary>
public sealed class UNet2DConditionModel : ITrainableDenoiser, ISequenceConditioned
{
    private sealed record Level(List<ResnetBlock> Blocks, List<Transformer2D> Transformers, Func<Tensor, Tensor>? Resize);

    private readonly UNetSwitches switches = new();
    private readonly ParameterScope root = new(new ParameterDeclarations());
    private readonly Conv input;
    private readonly Linear time1;
    private readonly Linear time2;
    private readonly List<Level> down = [];
    private readonly List<Level> up = [];
    private readonly Transformer2D middleTransformer;
    private readonly ResnetBlock middle1;
    private readonly ResnetBlock middle2;
    private readonly Norm outputNorm;
    private readonly Conv output;

    /// <param name="config">The shape.</param>
    /// <param name="device">Where the parameters live.</param>
    /// <param name="generator">Draws the initial values; null where weights are loaded next.</param>
    /// <param name="dtype">float32, or float64 for laws.</param>
    /// <param name="frozen">Without gradient, at half the memory.</param>
    public UNet2DConditionModel(
        UNet2DConditionConfig config,
        Device device,
        Generator? generator,
        ScalarType dtype = ScalarType.Float32,
        bool frozen = false
    )
        : this(config) => Parameters = new ParameterVector(root.Into, device, generator, dtype, frozen);

    private UNet2DConditionModel(UNet2DConditionConfig config)
    {
        config.Check();
        Config = config;
        var (widths, levels) = (config.BlockOutChannels, config.BlockOutChannels.Count);
        long timeChannels = 4 * widths[0];
        input = new(root.Sub("conv_in"), config.InChannels, widths[0], 3, padding: 1);
        time1 = new(root.Sub("time_embedding.linear_1"), widths[0], timeChannels);
        time2 = new(root.Sub("time_embedding.linear_2"), timeChannels, timeChannels);
        var skips = new Stack<long>([widths[0]]);
        for (var l = 0; l < levels; l++)
            down.Add(BuildDown(l, timeChannels, skips));
        long width = widths[^1];
        for (var l = levels - 1; l >= 0; l--, width = widths[l + 1])
            up.Add(BuildUp(l, width, timeChannels, skips));
        long middle = widths[^1];
        middleTransformer = new(root.Sub("mid_block.attentions.0"), middle, config, switches);
        middle1 = new(root.Sub("mid_block.resnets.0"), middle, middle, timeChannels, config.NormGroups, config.NormEpsilon);
        middle2 = new(root.Sub("mid_block.resnets.1"), middle, middle, timeChannels, config.NormGroups, config.NormEpsilon);
        outputNorm = new(root.Sub("conv_norm_out"), widths[0], config.NormGroups, config.NormEpsilon);
        output = new(root.Sub("conv_out"), widths[0], config.OutChannels, 3, padding: 1);
        Parameters = null!; // set by the public constructor; declaring needs none
    }

    /// <summary>The parameters of a network of this shape, without making one.</summary>
    public static IReadOnlyList<Parameter> Declared(UNet2DConditionConfig config) => new UNet2DConditionModel(config).root.Into.All;

    public UNet2DConditionConfig Config { get; }

    public ParameterVector Parameters { get; }

    public Device Device => Parameters.Values.device;

    /// <summary>Has no effect: Stable Diffusion 1.x has no dropout.</summary>
    public bool Training { get; set; } = true;

    /// <summary>
    /// Keeps a block's input alone for the backward pass and computes the block again there: time for memory. The gradient is the same.
    /// </summary>
    public bool Recomputes
    {
        get => switches.Recomputes;
        set => switches.Recomputes = value;
    }

    /// <summary>
    /// No gradient through the start token's key and value in any cross-attention, as concept ablation trains (concept-ablation@c11fb1b): every
    /// prompt begins with it, so moving it would move all.
    /// </summary>
    public bool DetachesFirstToken
    {
        get => switches.DetachesFirstToken;
        set => switches.DetachesFirstToken = value;
    }

    /// <summary>∅: the embedding of the empty prompt, [L,D], that a dropped condition is replaced by. Not owned.</summary>
    public Tensor? NullContext { get; set; }

    /// <inheritdoc/>
    public void SeedDropout(Seed seed) { }

    /// <inheritdoc/>
    /// <remarks>The condition's value is float [B,L,D].</remarks>
    public Tensor Predict(Tensor x, Tensor t, Condition condition)
    {
        using var scope = NewDisposeScope();
        var context = Context(condition).to(x.dtype);
        var time = functional.silu(TimeEmbedding(t, x.dtype)); // [B,4·ch]
        var h = input.Forward(x);
        var skips = new Stack<Tensor>([h]);
        foreach (var level in down)
        {
            for (var i = 0; i < level.Blocks.Count; i++)
                skips.Push(h = Kept(Block(level, i), h, time, context));
            if (level.Resize is not null)
                skips.Push(h = level.Resize(h));
        }

        h = Kept(Middle, h, time, context);
        foreach (var level in up)
        {
            for (var i = 0; i < level.Blocks.Count; i++)
                h = Kept(Block(level, i), cat([h, skips.Pop()], 1), time, context);
            if (level.Resize is not null)
                h = level.Resize(h);
        }

        return output.Forward(outputNorm.ForwardSilu(h)).MoveToOuterDisposeScope();
    }

    /// <summary>cos and sin of t·10000^(−i/half), i = 0…half−1, cosines first: [B,2·half]. Frequencies in float64, rounded once.</summary>
    public static Tensor TimeFeatures(Tensor t, long channels, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var half = channels / 2;
        var rates = arange(half, ScalarType.Float64, t.device).mul_(-Math.Log(10000) / half).exp_(); // [half]
        var angle = t.to(ScalarType.Float64).unsqueeze(1) * rates.unsqueeze(0); // [B,half]
        return cat([angle.cos(), angle.sin()], 1).to(dtype).MoveToOuterDisposeScope();
    }

    public void Dispose() => Parameters.Dispose();

    // Dead activations go at once where no gradient needs them: of the full network only the skips stay.
    private static Func<Tensor[], Tensor> Block(Level level, int i) =>
        inputs =>
        {
            using var scope = NewDisposeScope();
            var h = level.Blocks[i].Forward(inputs[0], inputs[1]);
            if (level.Transformers.Count > 0)
                h = level.Transformers[i].Forward(h, inputs[2]);
            return h.MoveToOuterDisposeScope();
        };

    private Tensor Middle(Tensor[] inputs)
    {
        using var scope = NewDisposeScope();
        var h = middleTransformer.Forward(middle1.Forward(inputs[0], inputs[1]), inputs[2]);
        return middle2.Forward(h, inputs[1]).MoveToOuterDisposeScope();
    }

    private Tensor Kept(Func<Tensor[], Tensor> block, params Tensor[] inputs) =>
        switches.Recomputes && !Parameters.Frozen && is_grad_enabled() ? Recompute.Of(block, inputs) : block(inputs);

    private Tensor TimeEmbedding(Tensor t, ScalarType dtype) =>
        time2.Forward(functional.silu(time1.Forward(TimeFeatures(t, Config.BlockOutChannels[0], dtype))));

    private Tensor Context(Condition condition)
    {
        if (condition.Keep is not { } keep)
            return condition.Value;
        var nothing = NullContext ?? throw new InvalidOperationException($"conditions are dropped, but {nameof(NullContext)} is not set");
        return where(keep.view(-1, 1, 1), condition.Value, nothing.to(condition.Value.dtype).unsqueeze(0));
    }

    private Level BuildDown(int l, long timeChannels, Stack<long> skips)
    {
        var scope = root.Sub($"down_blocks.{l}");
        long to = Config.BlockOutChannels[l];
        var from = skips.Peek();
        var transformers = Transformers(scope, l, Config.LayersPerBlock, to);
        var blocks = new List<ResnetBlock>();
        for (var i = 0; i < Config.LayersPerBlock; i++, from = to)
        {
            blocks.Add(new(scope.Sub($"resnets.{i}"), from, to, timeChannels, Config.NormGroups, Config.NormEpsilon));
            skips.Push(to);
        }

        if (l == Config.BlockOutChannels.Count - 1)
            return new(blocks, transformers, null);
        skips.Push(to);
        return new(blocks, transformers, new Downsampler(scope.Sub("downsamplers.0"), to, allSides: true).Forward);
    }

    private Level BuildUp(int l, long from, long timeChannels, Stack<long> skips)
    {
        var scope = root.Sub($"up_blocks.{Config.BlockOutChannels.Count - 1 - l}");
        long to = Config.BlockOutChannels[l];
        var transformers = Transformers(scope, l, Config.LayersPerBlock + 1, to);
        var blocks = new List<ResnetBlock>();
        for (var i = 0; i <= Config.LayersPerBlock; i++, from = to)
            blocks.Add(new(scope.Sub($"resnets.{i}"), from + skips.Pop(), to, timeChannels, Config.NormGroups, Config.NormEpsilon));
        return new(blocks, transformers, l == 0 ? null : new Upsampler(scope.Sub("upsamplers.0"), to).Forward);
    }

    // Declared before the residual blocks, as diffusers registers them.
    private List<Transformer2D> Transformers(ParameterScope scope, int l, int count, long channels) =>
        Config.CrossAttention[l]
            ? [.. Enumerable.Range(0, count).Select(i => new Transformer2D(scope.Sub($"attentions.{i}"), channels, Config, switches))]
            : [];
}
