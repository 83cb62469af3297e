using DiMum.Diffusion;
using DiMum.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Nets;

/// <summary>What stands for ∅, the dropped class.</summary>
public enum NullCondition
{
    /// <summary>A learned vector (the released baselines).</summary>
    Learned,

    /// <summary>The zero vector (the paper: «usually a zero vector»).</summary>
    Zero,
}

/// <summary>The U-Net's shape. Defaults are the released CIFAR-10 configuration: 334 tensors, 38,632,323 parameters.</summary>
/// <param name="Classes">K, the number of classes.</param>
/// <param name="ImageSize">H = W.</param>
/// <param name="ImageChannels">C, in and out.</param>
/// <param name="Channels">Base width, ch.</param>
/// <param name="Multipliers">Width of each level in units of ch; each level after the first halves the resolution.</param>
/// <param name="ResBlocks">Residual blocks a level (one more on the way up).</param>
/// <param name="AttentionResolutions">Resolutions with self-attention after each residual block.</param>
/// <param name="Dropout">Dropout inside residual blocks while training.</param>
/// <param name="NormGroups">Groups of every group normalisation; must divide every width.</param>
/// <param name="Null">What stands for ∅.</param>
public sealed record UNetConfig(
    int Classes = 10,
    int ImageSize = 32,
    int ImageChannels = 3,
    int Channels = 128,
    IReadOnlyList<int>? Multipliers = null,
    int ResBlocks = 2,
    IReadOnlyList<int>? AttentionResolutions = null,
    double Dropout = 0.1,
    int NormGroups = 32,
    NullCondition Null = NullCondition.Learned
)
{
    public IReadOnlyList<int> Multipliers { get; } = Multipliers ?? [1, 2, 2, 2];
    public IReadOnlyList<int> AttentionResolutions { get; } = AttentionResolutions ?? [16];

    /// <summary>One line of every choice, for identities.</summary>
    public override string ToString() =>
        FormattableString.Invariant(
            $"unet(classes={Classes} size={ImageSize}x{ImageChannels} ch={Channels} mult={string.Join('-', Multipliers)} res={ResBlocks} attn={string.Join('-', AttentionResolutions)} dropout={Dropout} groups={NormGroups} null={Null})"
        );
}

/// <summary>
/// ε_θ(x_t, t, c) of the released class-conditional baselines, rebuilt: same structure, parameter names, shapes and order
/// (Unlearn-Saliency@a6e89fd <c>DDPM/models/diffusion.py</c>, Conditional_Model; byte-identical in SFR-on@36bb7f6).
/// </summary>
public sealed class ClassConditionalUNet : ITrainableDenoiser
{
    private sealed record Level(List<ResBlock> Blocks, List<Attention> Attentions, Downsample? Down, Upsample? Up);

    private readonly ParameterScope root = new(new ParameterDeclarations());
    private readonly Parameter? nullEmbedding;
    private readonly Parameter classEmbedding;
    private readonly Embed time;
    private readonly Embed classes;
    private readonly Conv input;
    private readonly List<Level> down = [];
    private readonly ResBlock middle1;
    private readonly Attention middleAttention;
    private readonly ResBlock middle2;
    private readonly List<Level> up = [];
    private readonly Norm outputNorm;
    private readonly Conv output;
    private DropoutKeys? dropout;

    /// <param name="config">The shape.</param>
    /// <param name="device">Where the parameters live.</param>
    /// <param name="generator">Draws the initial values.</param>
    /// <param name="dtype">float32, or float64 for laws.</param>
    public ClassConditionalUNet(UNetConfig config, Device device, Generator generator, ScalarType dtype = ScalarType.Float32)
        : this(config, out var declared) => Parameters = new ParameterVector(declared, device, generator, dtype);

    private ClassConditionalUNet(UNetConfig config, out ParameterDeclarations declared)
    {
        Config = config;
        Check(config);
        declared = root.Into;
        long ch = config.Channels;
        if (config.Null == NullCondition.Learned)
            nullEmbedding = root.Declare("null_classes_emb", Init.StandardNormal, ch);
        time = new(root.Sub("temb"), ch, 4 * ch);
        classEmbedding = root.Declare("classes_emb.weight", Init.StandardNormal, config.Classes, ch);
        classes = new(root.Sub("cemb"), ch, 4 * ch);
        input = new(root.Sub("conv_in"), config.ImageChannels, ch, 3, padding: 1);

        var skips = new Stack<long>([ch]);
        var width = BuildDown(ch, skips);
        middle1 = new(root.Sub("mid.block_1"), width, width, config);
        middleAttention = new(root.Sub("mid.attn_1"), width, config);
        middle2 = new(root.Sub("mid.block_2"), width, width, config);
        width = BuildUp(width, skips);
        outputNorm = new(root.Sub("norm_out"), width, config.NormGroups);
        output = new(root.Sub("conv_out"), width, config.ImageChannels, 3, padding: 1);
        Parameters = null!; // set by the public constructor; counting needs none
    }

    /// <summary>The number of parameters of a network of this shape, without making one.</summary>
    public static long CountParameters(UNetConfig config) => Declared(config).Sum(p => p.Count);

    /// <summary>The parameters of a network of this shape, without making one.</summary>
    public static IReadOnlyList<Parameter> Declared(UNetConfig config)
    {
        _ = new ClassConditionalUNet(config, out var declared);
        return declared.All;
    }

    public UNetConfig Config { get; }

    public ParameterVector Parameters { get; }

    public Device Device => Parameters.Values.device;

    public bool Training { get; set; } = true;

    /// <summary>What the layers between input and output convolution compute in.</summary>
    public Precision Precision { get; set; }

    /// <summary>
    /// Whether the layers in between work on [B,H,W,C] in memory; null, the default, is in bfloat16 alone. In float32 oneDNN's convolutions gain little
    /// by it, and add up each output in one chain, which rounds two to three times as much.
    /// </summary>
    internal bool? ChannelsLast { get; set; }

    /// <summary>Sees every layer's output under the layer's name, for verification; null in normal use.</summary>
    internal Action<string, Tensor>? Tap
    {
        set => root.Into.Tap = value;
    }

    /// <inheritdoc/>
    public Tensor Predict(Tensor x, Tensor t, Condition condition)
    {
        using var scope = NewDisposeScope();
        var dropping = Training ? dropout : null;
        var compute = Precision == Precision.Bf16 && x.dtype == ScalarType.Float32 ? ScalarType.BFloat16 : x.dtype;
        var embedding = Embedding(t, condition, x.dtype).to(compute); // [B,8·ch]
        root.Into.ChannelsLast = false;
        var h = input.Forward(x).to(compute);
        if (root.Into.ChannelsLast = LaysLast(h))
            h = NormLast.Layout(h);
        var skips = new Stack<Tensor>([h]);
        foreach (var level in down)
        {
            for (var i = 0; i < level.Blocks.Count; i++)
            {
                h = level.Blocks[i].Forward(h, embedding, dropping);
                if (level.Attentions.Count > 0)
                    h = level.Attentions[i].Forward(h);
                skips.Push(h);
            }

            if (level.Down is not null)
                skips.Push(h = level.Down.Forward(h));
        }

        h = middle2.Forward(middleAttention.Forward(middle1.Forward(h, embedding, dropping)), embedding, dropping);
        foreach (var level in up)
        {
            for (var i = 0; i < level.Blocks.Count; i++)
            {
                h = level.Blocks[i].Forward(cat([h, skips.Pop()], 1), embedding, dropping);
                if (level.Attentions.Count > 0)
                    h = level.Attentions[i].Forward(h);
            }

            if (level.Up is not null)
                h = level.Up.Forward(h);
        }

        h = output.Forward(outputNorm.ForwardSilu(h, toFloat: compute != x.dtype));
        return (root.Into.ChannelsLast ? h.contiguous() : h).MoveToOuterDisposeScope();
    }

    // Where every width suits the kernels and nobody looks at single layers.
    private bool LaysLast(Tensor h) =>
        (ChannelsLast ?? h.dtype == ScalarType.BFloat16) && root.Into.Tap is null && Config.Channels % 16 == 0 && NormSilu.Takes(h);

    /// <summary>sin and cos of t·10000^(−i/(ch/2−1)), i = 0…ch/2−1: [B,ch]. Frequencies in float64, rounded once.</summary>
    public static Tensor TimeFeatures(Tensor t, long channels, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var half = channels / 2;
        var rates = arange(half, ScalarType.Float64, t.device).mul_(-Math.Log(10000) / (half - 1)).exp_(); // [ch/2]
        var angle = t.to(ScalarType.Float64).unsqueeze(1) * rates.unsqueeze(0); // [B,ch/2]
        var features = cat([angle.sin(), angle.cos()], 1);
        if (channels % 2 == 1)
            features = functional.pad(features, [0, 1]);
        return features.to(dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void SeedDropout(Seed seed)
    {
        dropout = new(seed);
        if (Device.type != DeviceType.CPU)
            seed.SeedGlobal();
    }

    public void Dispose() => Parameters.Dispose();

    private Tensor Embedding(Tensor t, Condition condition, ScalarType dtype)
    {
        var looked = root.Sub("classes_emb").Seen(classEmbedding.Value.index_select(0, condition.Value)); // [B,ch]
        if (condition.Keep is { } keep)
        {
            var dropped = nullEmbedding is null ? zeros_like(looked) : nullEmbedding.Value.unsqueeze(0).expand_as(looked);
            looked = where(keep.unsqueeze(1), looked, dropped);
        }

        var same = t.shape[0] > 1 && t.stride(0) == 0; // sampling's: one time for all, embedded once
        var temb = time.Forward(TimeFeatures(same ? t.narrow(0, 0, 1) : t, Config.Channels, dtype)); // [B,4·ch] or [1,4·ch]
        if (same)
            temb = temb.expand(t.shape[0], -1);
        var cemb = classes.Forward(looked); // [B,4·ch]
        return functional.silu(cat([temb, cemb], 1));
    }

    private long BuildDown(long width, Stack<long> skips)
    {
        var resolution = Config.ImageSize;
        for (var l = 0; l < Config.Multipliers.Count; l++)
        {
            var scope = root.Sub($"down.{l}");
            var to = (long)Config.Channels * Config.Multipliers[l];
            var attends = Config.AttentionResolutions.Contains(resolution);
            var blocks = new List<ResBlock>();
            for (var i = 0; i < Config.ResBlocks; i++, width = to)
            {
                blocks.Add(new(scope.Sub($"block.{i}"), width, to, Config));
                skips.Push(to);
            }

            var attentions = attends
                ? Enumerable.Range(0, Config.ResBlocks).Select(i => new Attention(scope.Sub($"attn.{i}"), to, Config)).ToList()
                : [];
            Downsample? shrink = null;
            if (l < Config.Multipliers.Count - 1)
            {
                shrink = new(scope.Sub("downsample"), to);
                skips.Push(to);
                resolution /= 2;
            }

            down.Add(new(blocks, attentions, shrink, null));
        }

        return width;
    }

    // Built from the lowest resolution up, but registered in level order 0…L−1, as the released modules are: hence two passes.
    private long BuildUp(long width, Stack<long> skips)
    {
        var plan = new List<(int Level, List<long> From, long To)>();
        for (var l = Config.Multipliers.Count - 1; l >= 0; l--)
        {
            var to = (long)Config.Channels * Config.Multipliers[l];
            var from = new List<long>();
            for (var i = 0; i <= Config.ResBlocks; i++, width = to)
                from.Add(width + skips.Pop());
            plan.Add((l, from, to));
        }

        foreach (var (l, from, to) in plan.OrderBy(p => p.Level))
        {
            var scope = root.Sub($"up.{l}");
            var blocks = from.Select((f, i) => new ResBlock(scope.Sub($"block.{i}"), f, to, Config)).ToList();
            var attentions = Config.AttentionResolutions.Contains(Config.ImageSize >> l)
                ? from.Select((_, i) => new Attention(scope.Sub($"attn.{i}"), to, Config)).ToList()
                : [];
            up.Insert(0, new(blocks, attentions, null, l > 0 ? new(scope.Sub("upsample"), to) : null));
        }

        return width;
    }

    private static void Check(UNetConfig config)
    {
        var halvings = config.Multipliers.Count - 1;
        if (config.ImageSize % (1 << halvings) != 0)
            throw new UserError(
                $"network: image size {config.ImageSize} can't be halved {halvings} times; give fewer multipliers or another size"
            );
        foreach (var m in config.Multipliers)
            if (config.Channels * m % config.NormGroups != 0)
                throw new UserError($"network: width {config.Channels * m} is not divisible by {config.NormGroups} normalisation groups");
        if (config.Channels < 4)
            throw new UserError($"network: channels must be at least 4, got {config.Channels}");
    }
}
