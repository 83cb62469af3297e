using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.StableDiffusion;

/// <summary>The encoder or the decoder: levels of residual blocks, and a middle with one attention head over all channels.</summary>
internal sealed class AutoencoderHalf
{
    private const double Epsilon = 1e-6;

    private readonly Conv input;
    private readonly List<Func<Tensor, Tensor>> levels = [];
    private readonly MiddleAttention attention;
    private readonly ResnetBlock middle1;
    private readonly ResnetBlock middle2;
    private readonly Norm norm;
    private readonly Conv output;
    private readonly bool middleFirst;

    private AutoencoderHalf(ParameterScope scope, AutoencoderConfig config, bool decoder)
    {
        var (groups, count) = (config.NormGroups, config.BlockOutChannels.Count);
        IReadOnlyList<int> widths = decoder ? [.. config.BlockOutChannels.Reverse()] : config.BlockOutChannels;
        long middle = config.BlockOutChannels[^1];
        ResnetBlock Block(ParameterScope at, long from, long to) => new(at, from, to, null, groups, Epsilon);
        middleFirst = decoder;
        input = new(scope.Sub("conv_in"), decoder ? config.LatentChannels : config.ImageChannels, widths[0], 3, padding: 1);
        long width = widths[0];
        for (var l = 0; l < count; l++)
        {
            var level = scope.Sub(decoder ? $"up_blocks.{l}" : $"down_blocks.{l}");
            for (var i = 0; i < config.LayersPerBlock + (decoder ? 1 : 0); i++, width = widths[l])
            {
                var block = Block(level.Sub($"resnets.{i}"), width, widths[l]);
                levels.Add(x => block.Forward(x));
            }

            if (l == count - 1)
                continue;
            levels.Add(
                decoder
                    ? new Upsampler(level.Sub("upsamplers.0"), widths[l]).Forward
                    : new Downsampler(level.Sub("downsamplers.0"), widths[l], allSides: false).Forward
            );
        }

        attention = new(scope.Sub("mid_block.attentions.0"), middle, groups, Epsilon);
        middle1 = Block(scope.Sub("mid_block.resnets.0"), middle, middle);
        middle2 = Block(scope.Sub("mid_block.resnets.1"), middle, middle);
        norm = new(scope.Sub("conv_norm_out"), widths[^1], groups, Epsilon);
        output = new(scope.Sub("conv_out"), widths[^1], decoder ? config.ImageChannels : 2 * config.LatentChannels, 3, padding: 1);
    }

    /// <summary>Image → moments before their 1×1 convolution.</summary>
    public static AutoencoderHalf Encoder(ParameterScope scope, AutoencoderConfig config) => new(scope, config, decoder: false);

    /// <summary>Latent after its 1×1 convolution → image.</summary>
    public static AutoencoderHalf Decoder(ParameterScope scope, AutoencoderConfig config) => new(scope, config, decoder: true);

    public Tensor Forward(Tensor x)
    {
        var h = input.Forward(x);
        if (middleFirst)
            h = Middle(h);
        foreach (var level in levels)
            h = InScope(level, h);
        if (!middleFirst)
            h = Middle(h);
        return output.Forward(norm.ForwardSilu(h));
    }

    private Tensor Middle(Tensor h) => InScope(x => middle2.Forward(attention.Forward(middle1.Forward(x))), h);

    private static Tensor InScope(Func<Tensor, Tensor> layer, Tensor x)
    {
        using var scope = NewDisposeScope();
        return layer(x).MoveToOuterDisposeScope();
    }

    private sealed class MiddleAttention(ParameterScope scope, long channels, long groups, double epsilon)
    {
        private readonly Norm norm = new(scope.Sub("group_norm"), channels, groups, epsilon);
        private readonly MultiHeadAttention attention = new(scope, channels, channels, heads: 1, withBias: true);

        public Tensor Forward(Tensor x)
        {
            var tokens = norm.Forward(x).flatten(2).transpose(1, 2); // [B,HW,C]
            return x + attention.Forward(tokens, tokens).transpose(1, 2).reshape(x.shape);
        }
    }
}
