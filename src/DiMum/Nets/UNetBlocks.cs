using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Nets;

/// <summary>Linear, SiLU, Linear: the projection of the time and class embeddings (names <c>dense.0</c>, <c>dense.1</c>).</summary>
internal sealed class Embed(ParameterScope scope, long from, long to)
{
    private readonly Linear first = new(scope.Sub("dense.0"), from, to);
    private readonly Linear second = new(scope.Sub("dense.1"), to, to);

    public Tensor Forward(Tensor x) => second.Forward(functional.silu(first.Forward(x)));
}

/// <summary>Keys of a step's dropouts, in the order in which they are met.</summary>
internal sealed class DropoutKeys(Seed seed)
{
    private long met;

    public uint Next() => (uint)seed.At("layer", met++).Value;
}

/// <summary>
/// GN → SiLU → conv → + Linear(SiLU(embedding)) → GN → SiLU → dropout → conv, with a 1×1 shortcut where the width changes
/// (SalUn <c>DDPM/models/diffusion.py</c>, ResnetBlock, Unlearn-Saliency@a6e89fd).
/// </summary>
internal sealed class ResBlock
{
    private readonly Norm norm1;
    private readonly Conv conv1;
    private readonly Linear project;
    private readonly Norm norm2;
    private readonly Conv conv2;
    private readonly Conv? shortcut;
    private readonly double dropout;
    private readonly ParameterScope scope;

    public ResBlock(ParameterScope scope, long from, long to, UNetConfig config)
    {
        norm1 = new(scope.Sub("norm1"), from, config.NormGroups);
        conv1 = new(scope.Sub("conv1"), from, to, 3, padding: 1);
        project = new(scope.Sub("temb_cemb_proj"), 8 * config.Channels, to);
        norm2 = new(scope.Sub("norm2"), to, config.NormGroups);
        conv2 = new(scope.Sub("conv2"), to, to, 3, padding: 1);
        shortcut = from == to ? null : new(scope.Sub("nin_shortcut"), from, to, 1);
        dropout = config.Dropout;
        this.scope = scope;
    }

    /// <param name="x">[B,from,H,W].</param>
    /// <param name="embedding">SiLU(concat(time, class)), [B, 8·ch].</param>
    /// <param name="training">What dropout draws from; null where it is off.</param>
    public Tensor Forward(Tensor x, Tensor embedding, DropoutKeys? training)
    {
        using var inside = NewDisposeScope(); // what autograd does not keep is freed here, and its memory used again
        x = scope.Begin(x);
        var h = conv1.Forward(norm1.ForwardSilu(x));
        var drops = training is not null && dropout > 0;
        var onCpu = drops && h.device_type == DeviceType.CPU;
        h = norm2.ForwardSilu(h, project.Forward(embedding), onCpu ? new(dropout, training!.Next()) : default);
        if (drops && !onCpu) // from the global generator, seeded per step: a CUDA generator of one's own can't be made
            h = functional.dropout(h, dropout, training: true);
        return scope.End(scope.Seen((shortcut is null ? x : shortcut.Forward(x)) + conv2.Forward(h))).MoveToOuterDisposeScope();
    }
}

/// <summary>Single-head self-attention over pixels: softmax(QᵀK/√C) V, residual.</summary>
internal sealed class Attention(ParameterScope scope, long channels, UNetConfig config)
{
    private readonly Norm norm = new(scope.Sub("norm"), channels, config.NormGroups);
    private readonly Conv query = new(scope.Sub("q"), channels, channels, 1);
    private readonly Conv key = new(scope.Sub("k"), channels, channels, 1);
    private readonly Conv value = new(scope.Sub("v"), channels, channels, 1);
    private readonly Conv output = new(scope.Sub("proj_out"), channels, channels, 1);
    private readonly ParameterScope mixing = scope.Sub("softmax");

    public Tensor Forward(Tensor x)
    {
        using var inside = NewDisposeScope();
        x = scope.Begin(x);
        var (b, c, h, w) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3]);
        var n = norm.Forward(x);
        Tensor Tokens(Conv conv) => conv.Forward(n).flatten(2).transpose(1, 2); // [B,HW,C]
        var (q, k, v) = (Tokens(query), Tokens(key), Tokens(value));
        var mixed = functional.scaled_dot_product_attention(mixing.Begin(q), k, v); // [B,HW,C]
        mixed = mixing.End(mixed, Work.Attention(h * w));
        return scope.End(scope.Seen(x + output.Forward(mixed.transpose(1, 2).reshape(b, c, h, w)))).MoveToOuterDisposeScope();
    }
}

/// <summary>Halves H and W: one zero row and column at the bottom and right, then a 3×3 convolution of stride 2.</summary>
internal sealed class Downsample(ParameterScope scope, long channels)
{
    private readonly Conv conv = new(scope.Sub("conv"), channels, channels, 3, stride: 2);

    public Tensor Forward(Tensor x) => scope.End(scope.Seen(conv.Forward(functional.pad(scope.Begin(x), [0, 1, 0, 1]))));
}

/// <summary>Doubles H and W by nearest neighbour, then a 3×3 convolution.</summary>
internal sealed class Upsample(ParameterScope scope, long channels)
{
    private readonly Conv conv = new(scope.Sub("conv"), channels, channels, 3, padding: 1);

    public Tensor Forward(Tensor x) =>
        scope.End(scope.Seen(conv.Forward(functional.interpolate(scope.Begin(x), scale_factor: [2, 2], mode: InterpolationMode.Nearest))));
}
