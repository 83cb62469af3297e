using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.StableDiffusion;

/// <summary>
/// GN → SiLU → conv → + Linear(SiLU(time)) → GN → SiLU → conv, with a 1×1 shortcut where the width changes; without time in the autoencoder
/// (diffusers <c>ResnetBlock2D</c>, diffusers@58eb52c).
/// </summary>
internal sealed class ResnetBlock
{
    private readonly Norm norm1;
    private readonly Conv conv1;
    private readonly Linear? time;
    private readonly Norm norm2;
    private readonly Conv conv2;
    private readonly Conv? shortcut;
    private readonly ParameterScope scope;

    /// <param name="scope">Where the parameters are declared.</param>
    /// <param name="from">Channels in.</param>
    /// <param name="to">Channels out.</param>
    /// <param name="timeChannels">Width of the time embedding; null where there is none.</param>
    /// <param name="groups">Of the normalisations.</param>
    /// <param name="epsilon">Of the normalisations.</param>
    public ResnetBlock(ParameterScope scope, long from, long to, long? timeChannels, long groups, double epsilon)
    {
        norm1 = new(scope.Sub("norm1"), from, groups, epsilon);
        conv1 = new(scope.Sub("conv1"), from, to, 3, padding: 1);
        time = timeChannels is { } width ? new(scope.Sub("time_emb_proj"), width, to) : null;
        norm2 = new(scope.Sub("norm2"), to, groups, epsilon);
        conv2 = new(scope.Sub("conv2"), to, to, 3, padding: 1);
        shortcut = from == to ? null : new(scope.Sub("conv_shortcut"), from, to, 1);
        this.scope = scope;
    }

    /// <param name="x">[B,from,H,W].</param>
    /// <param name="embedding">SiLU(time), [B,timeChannels]; null in the autoencoder.</param>
    public Tensor Forward(Tensor x, Tensor? embedding = null)
    {
        x = scope.Begin(x);
        var h = conv1.Forward(norm1.ForwardSilu(x));
        if (time is not null)
            h = h + time.Forward(embedding!).unsqueeze(-1).unsqueeze(-1); // [B,to,1,1]
        h = conv2.Forward(norm2.ForwardSilu(h));
        return scope.End((shortcut is null ? x : shortcut.Forward(x)) + h);
    }
}

/// <summary>Doubles H and W by nearest neighbour, then a 3×3 convolution.</summary>
internal sealed class Upsampler(ParameterScope scope, long channels)
{
    private readonly Conv conv = new(scope.Sub("conv"), channels, channels, 3, padding: 1);

    public Tensor Forward(Tensor x) => conv.Forward(functional.interpolate(x, scale_factor: [2, 2], mode: InterpolationMode.Nearest));
}

/// <summary>Halves H and W: a 3×3 convolution of stride 2, padded on all sides (U-Net) or at the right and bottom only (autoencoder).</summary>
internal sealed class Downsampler(ParameterScope scope, long channels, bool allSides)
{
    private readonly Conv conv = new(scope.Sub("conv"), channels, channels, 3, stride: 2, padding: allSides ? 1 : 0);

    public Tensor Forward(Tensor x) => conv.Forward(allSides ? x : functional.pad(x, [0, 1, 0, 1]));
}
