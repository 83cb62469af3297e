using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Modules = TorchSharp.Modules;

namespace DiMum.Benchmarks;

/// <summary>The same U-Net in plain TorchSharp, as a user would write it (and as <c>benchmarks/peers/unet.py</c> has it): modules only.</summary>
internal sealed class PeerUNet : Module<Tensor, Tensor, Tensor, Tensor>
{
    private readonly UNetConfig config;
    private readonly Modules.Parameter null_classes_emb;
    private readonly PeerEmbed temb;
    private readonly Modules.Embedding classes_emb;
    private readonly PeerEmbed cemb;
    private readonly Modules.Conv2d conv_in;
    private readonly List<PeerLevel> down = [];
    private readonly PeerMiddle mid;
    private readonly List<PeerLevel> up = [];
    private readonly Modules.GroupNorm norm_out;
    private readonly Modules.Conv2d conv_out;

    public PeerUNet(UNetConfig config)
        : base("unet")
    {
        this.config = config;
        long ch = config.Channels;
        null_classes_emb = new(randn(ch));
        temb = new(ch, 4 * ch);
        classes_emb = Embedding(config.Classes, ch);
        cemb = new(ch, 4 * ch);
        conv_in = Conv2d(config.ImageChannels, ch, 3, padding: 1);
        var (width, side, skips) = (ch, config.ImageSize, new Stack<long>([ch]));
        foreach (var (m, l) in config.Multipliers.Select((m, l) => (m, l)))
        {
            var level = new PeerLevel();
            for (var i = 0; i < config.ResBlocks; i++, skips.Push(width))
            {
                level.block.Add(new(width, m * ch, config));
                width = m * ch;
                if (config.AttentionResolutions.Contains(side))
                    level.attn.Add(new(width, config));
            }

            if (l + 1 < config.Multipliers.Count)
            {
                level.downsample = new(width, 2);
                side /= 2;
                skips.Push(width);
            }

            level.Register();
            down.Add(level);
        }

        mid = new(width, config);
        for (var l = config.Multipliers.Count - 1; l >= 0; l--)
        {
            var level = new PeerLevel();
            for (var i = 0; i <= config.ResBlocks; i++)
            {
                var to = config.Multipliers[l] * ch;
                level.block.Add(new(width + skips.Pop(), to, config));
                width = to;
                if (config.AttentionResolutions.Contains(config.ImageSize >> l))
                    level.attn.Add(new(width, config));
            }

            if (l > 0)
                level.upsample = new(width, 1);
            level.Register();
            up.Add(level);
        }

        norm_out = PeerParts.Norm(width, config);
        conv_out = Conv2d(width, config.ImageChannels, 3, padding: 1);
        RegisterComponents();
        register_module("down", ModuleList<PeerLevel>([.. down]));
        register_module("up", ModuleList<PeerLevel>([.. up.AsEnumerable().Reverse()])); // numbered by resolution, as the released modules are
    }

    /// <summary>Values of θ by name.</summary>
    public void Load(ParameterVector from)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var mine = named_parameters().ToDictionary(p => p.name, p => p.parameter);
        if (mine.Count != from.Entries.Count)
            throw new InvalidOperationException($"{mine.Count} parameters against {from.Entries.Count}");
        foreach (var p in from.Entries)
            mine[p.Name].copy_(p.Value);
    }

    public override Tensor forward(Tensor x, Tensor t, Tensor condition)
    {
        var embedded = temb.forward(ClassConditionalUNet.TimeFeatures(t, config.Channels, ScalarType.Float32));
        var looked = classes_emb.forward(condition.clamp_min(0));
        looked = where(condition.lt(0).unsqueeze(1), null_classes_emb.unsqueeze(0).expand_as(looked), looked);
        var embedding = functional.silu(cat([embedded, cemb.forward(looked)], 1));
        var h = conv_in.forward(x);
        var skips = new Stack<Tensor>([h]);
        foreach (var level in down)
        {
            for (var i = 0; i < level.block.Count; i++)
            {
                h = level.block[i].forward(h, embedding);
                if (level.attn.Count > 0)
                    h = level.attn[i].forward(h);
                skips.Push(h);
            }

            if (level.downsample is not null)
                skips.Push(h = level.downsample.forward(functional.pad(h, [0, 1, 0, 1])));
        }

        h = mid.block_2.forward(mid.attn_1.forward(mid.block_1.forward(h, embedding)), embedding);
        foreach (var level in up)
        {
            for (var i = 0; i < level.block.Count; i++)
            {
                h = level.block[i].forward(cat([h, skips.Pop()], 1), embedding);
                if (level.attn.Count > 0)
                    h = level.attn[i].forward(h);
            }

            if (level.upsample is not null)
                h = level.upsample.forward(functional.interpolate(h, scale_factor: [2, 2], mode: InterpolationMode.Nearest));
        }

        // Widened to 16 channels, as in Conv: libtorch 2.10.0's own gradient is wrong for 3, and then this side trains on something else, NaN at times.
        long more = 16 - config.ImageChannels;
        var (w, b) = (functional.pad(conv_out.weight, [0, 0, 0, 0, 0, 0, 0, more]), functional.pad(conv_out.bias!, [0, more]));
        return functional.conv2d(functional.silu(norm_out.forward(h)), w, b, padding: [1, 1]).narrow(1, 0, config.ImageChannels);
    }
}

/// <summary>Small parts that the peer's modules share.</summary>
internal static class PeerParts
{
    /// <summary>TorchSharp 0.107.0 leaves scale and shift uninitialised; values are loaded afterwards.</summary>
    public static Modules.GroupNorm Norm(long channels, UNetConfig config) => GroupNorm(config.NormGroups, channels, 1e-6);
}

internal sealed class PeerEmbed : Module<Tensor, Tensor>
{
    private readonly Modules.Linear first;
    private readonly Modules.Linear second;

    public PeerEmbed(long from, long to)
        : base("embed")
    {
        first = Linear(from, to);
        second = Linear(to, to);
        register_module("dense", ModuleList<Modules.Linear>(first, second));
    }

    public override Tensor forward(Tensor x) => second.forward(functional.silu(first.forward(x)));
}

internal sealed class PeerResBlock : Module<Tensor, Tensor, Tensor>
{
    private readonly Modules.GroupNorm norm1;
    private readonly Modules.Conv2d conv1;
    private readonly Modules.Linear temb_cemb_proj;
    private readonly Modules.GroupNorm norm2;
    private readonly Modules.Dropout dropout;
    private readonly Modules.Conv2d conv2;
    private readonly Modules.Conv2d? nin_shortcut;

    public PeerResBlock(long from, long to, UNetConfig config)
        : base("block")
    {
        norm1 = PeerParts.Norm(from, config);
        conv1 = Conv2d(from, to, 3, padding: 1);
        temb_cemb_proj = Linear(8 * config.Channels, to);
        norm2 = PeerParts.Norm(to, config);
        dropout = Dropout(config.Dropout);
        conv2 = Conv2d(to, to, 3, padding: 1);
        if (from != to)
            nin_shortcut = Conv2d(from, to, 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Tensor embedding)
    {
        var h = conv1.forward(functional.silu(norm1.forward(x)));
        h = h + temb_cemb_proj.forward(embedding).unsqueeze(-1).unsqueeze(-1);
        h = conv2.forward(dropout.forward(functional.silu(norm2.forward(h))));
        return (nin_shortcut is null ? x : nin_shortcut.forward(x)) + h;
    }
}

internal sealed class PeerAttention : Module<Tensor, Tensor>
{
    private readonly Modules.GroupNorm norm;
    private readonly Modules.Conv2d q;
    private readonly Modules.Conv2d k;
    private readonly Modules.Conv2d v;
    private readonly Modules.Conv2d proj_out;

    public PeerAttention(long channels, UNetConfig config)
        : base("attn")
    {
        norm = PeerParts.Norm(channels, config);
        q = Conv2d(channels, channels, 1);
        k = Conv2d(channels, channels, 1);
        v = Conv2d(channels, channels, 1);
        proj_out = Conv2d(channels, channels, 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        var (b, c, h, w) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3]);
        var n = norm.forward(x);
        var query = q.forward(n).reshape(b, c, h * w).permute(0, 2, 1);
        var weights = functional.softmax(bmm(query, k.forward(n).reshape(b, c, h * w)) * Math.Pow(c, -0.5), 2);
        return x + proj_out.forward(bmm(v.forward(n).reshape(b, c, h * w), weights.permute(0, 2, 1)).reshape(b, c, h, w));
    }
}

internal sealed class PeerResample : Module<Tensor, Tensor>
{
    private readonly Modules.Conv2d conv;

    public PeerResample(long channels, long stride)
        : base("resample")
    {
        conv = Conv2d(channels, channels, 3, stride: stride, padding: stride == 1 ? 1 : 0);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => conv.forward(x);
}

internal sealed class PeerLevel() : Module("level")
{
    public readonly List<PeerResBlock> block = [];
    public readonly List<PeerAttention> attn = [];
    public PeerResample? downsample;
    public PeerResample? upsample;

    public void Register()
    {
        register_module("block", ModuleList<PeerResBlock>([.. block]));
        register_module("attn", ModuleList<PeerAttention>([.. attn]));
        if (downsample is not null)
            register_module("downsample", downsample);
        if (upsample is not null)
            register_module("upsample", upsample);
    }
}

internal sealed class PeerMiddle : Module
{
    public readonly PeerResBlock block_1;
    public readonly PeerAttention attn_1;
    public readonly PeerResBlock block_2;

    public PeerMiddle(long width, UNetConfig config)
        : base("mid")
    {
        block_1 = new(width, width, config);
        attn_1 = new(width, config);
        block_2 = new(width, width, config);
        RegisterComponents();
    }
}
