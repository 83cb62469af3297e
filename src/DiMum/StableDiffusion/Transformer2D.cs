using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.StableDiffusion;

/// <summary>softmax(QKᵀ/√d) V in <paramref name="heads"/> heads; Q from x, K and V from the context.</summary>
/// <param name="scope">Where the parameters are declared.</param>
/// <param name="channels">Width of x and of the result.</param>
/// <param name="contextChannels">Width of what is attended to.</param>
/// <param name="heads">Number of heads.</param>
/// <param name="withBias">Bias of Q, K and V.</param>
internal sealed class MultiHeadAttention(ParameterScope scope, long channels, long contextChannels, int heads, bool withBias = false)
{
    private readonly Linear query = new(scope.Sub("to_q"), channels, channels, withBias);
    private readonly Linear key = new(scope.Sub("to_k"), contextChannels, channels, withBias);
    private readonly Linear value = new(scope.Sub("to_v"), contextChannels, channels, withBias);
    private readonly Linear output = new(scope.Sub("to_out.0"), channels, channels);
    private readonly ParameterScope mixing = scope.Sub("softmax");

    /// <param name="x">[B,N,channels].</param>
    /// <param name="context">[B,M,contextChannels].</param>
    /// <param name="detachesFirst">No gradient through the first token's key and value.</param>
    public Tensor Forward(Tensor x, Tensor context, bool detachesFirst = false)
    {
        Tensor Of(Linear linear) => detachesFirst ? FirstDetached(linear.Forward(context)) : linear.Forward(context);
        var (q, k, v) = (Heads.Split(query.Forward(x), heads), Heads.Split(Of(key), heads), Heads.Split(Of(value), heads));
        var mixed = functional.scaled_dot_product_attention(mixing.Begin(q), k, v);
        return output.Forward(Heads.Join(mixing.End(mixed, mixing.Probed ? Work.Attention(context.shape[1]) : default)));
    }

    private static Tensor FirstDetached(Tensor tokens) =>
        cat([tokens.narrow(1, 0, 1).detach(), tokens.narrow(1, 1, tokens.shape[1] - 1)], 1);
}

/// <summary>The layout of attention heads.</summary>
internal static class Heads
{
    /// <summary>[B,N,h·d] → [B,h,N,d].</summary>
    public static Tensor Split(Tensor x, int heads) => x.view(x.shape[0], x.shape[1], heads, x.shape[2] / heads).transpose(1, 2);

    /// <summary>[B,h,N,d] → [B,N,h·d].</summary>
    public static Tensor Join(Tensor x) => x.transpose(1, 2).flatten(2);
}

/// <summary>LayerNorm and self-attention, LayerNorm and cross-attention, LayerNorm and GEGLU: each added to x.</summary>
internal sealed class TransformerLayer
{
    private readonly UNetSwitches switches;
    private readonly LayerNorm norm1;
    private readonly MultiHeadAttention self;
    private readonly LayerNorm norm2;
    private readonly MultiHeadAttention cross;
    private readonly LayerNorm norm3;
    private readonly Linear gated;
    private readonly Linear output;

    public TransformerLayer(ParameterScope scope, long channels, UNet2DConditionConfig config, UNetSwitches switches)
    {
        this.switches = switches;
        norm1 = new(scope.Sub("norm1"), channels);
        self = new(scope.Sub("attn1"), channels, channels, config.Heads);
        norm2 = new(scope.Sub("norm2"), channels);
        cross = new(scope.Sub("attn2"), channels, config.CrossAttentionDim, config.Heads);
        norm3 = new(scope.Sub("norm3"), channels);
        gated = new(scope.Sub("ff.net.0.proj"), channels, 8 * channels);
        output = new(scope.Sub("ff.net.2"), 4 * channels, channels);
    }

    /// <param name="x">[B,HW,channels].</param>
    /// <param name="context">[B,L,D].</param>
    public Tensor Forward(Tensor x, Tensor context)
    {
        var n = norm1.Forward(x);
        x = x + self.Forward(n, n);
        x = x + cross.Forward(norm2.Forward(x), context, switches.DetachesFirstToken);
        var halves = gated.Forward(norm3.Forward(x)).chunk(2, -1);
        return x + output.Forward(halves[0] * functional.gelu(halves[1]));
    }
}

/// <summary>Pixels as tokens through transformer layers, added to x (diffusers <c>Transformer2DModel</c> with 1×1 convolutions around).</summary>
internal sealed class Transformer2D
{
    private readonly Norm norm;
    private readonly Conv input;
    private readonly List<TransformerLayer> layers;
    private readonly Conv output;
    private readonly ParameterScope scope;

    public Transformer2D(ParameterScope scope, long channels, UNet2DConditionConfig config, UNetSwitches switches)
    {
        norm = new(scope.Sub("norm"), channels, config.NormGroups);
        input = new(scope.Sub("proj_in"), channels, channels, 1);
        layers =
        [
            .. Enumerable
                .Range(0, config.TransformerLayers)
                .Select(i => new TransformerLayer(scope.Sub($"transformer_blocks.{i}"), channels, config, switches)),
        ];
        output = new(scope.Sub("proj_out"), channels, channels, 1);
        this.scope = scope;
    }

    /// <param name="x">[B,channels,H,W].</param>
    /// <param name="context">[B,L,D].</param>
    public Tensor Forward(Tensor x, Tensor context)
    {
        x = scope.Begin(x);
        var tokens = input.Forward(norm.Forward(x)).flatten(2).transpose(1, 2); // [B,HW,channels]
        foreach (var layer in layers)
            tokens = layer.Forward(tokens, context);
        return scope.End(x + output.Forward(tokens.transpose(1, 2).reshape(x.shape)));
    }
}

/// <summary>What may be switched on a network that stands.</summary>
internal sealed class UNetSwitches
{
    /// <summary>See <see cref="UNet2DConditionModel.DetachesFirstToken"/>.</summary>
    public bool DetachesFirstToken { get; set; }

    /// <summary>See <see cref="UNet2DConditionModel.Recomputes"/>.</summary>
    public bool Recomputes { get; set; }
}
