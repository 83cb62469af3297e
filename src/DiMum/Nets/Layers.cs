using DiMum.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Nets;

/// <summary>A place in the name tree under which layers declare their parameters.</summary>
public sealed record ParameterScope(ParameterDeclarations Into, string Prefix = "")
{
    public ParameterScope Sub(string name) => new(Into, Prefix.Length == 0 ? name : $"{Prefix}.{name}");

    public Parameter Declare(string name, Init init, params long[] shape) => Into.Declare(Sub(name).Prefix, init, shape);

    /// <summary>Shows a layer's output to the tap, if there is one; returns it.</summary>
    internal Tensor Seen(Tensor output)
    {
        Into.Tap?.Invoke(Prefix, output);
        return output;
    }

    /// <summary>Whether somebody watches modules begin and end.</summary>
    internal bool Probed => Into.Probe is not null;

    /// <summary>Tells the probe, if there is one, that this module begins; what it then works on.</summary>
    internal Tensor Begin(Tensor input) => Into.Probe is { } probe ? probe.Begin(Prefix, input) : input;

    /// <summary>Tells the probe, if there is one, that this module ends; its result.</summary>
    internal Tensor End(Tensor output, Work work = default) => Into.Probe is { } probe ? probe.End(output, work) : output;
}

/// <summary>y = W x + b, or W x where there is no bias.</summary>
public sealed class Linear(ParameterScope scope, long from, long to, bool withBias = true)
{
    private readonly Parameter weight = scope.Declare("weight", Init.FanIn(from), to, from);
    private readonly Parameter? bias = withBias ? scope.Declare("bias", Init.FanIn(from), to) : null;

    /// <summary>[…,from] → […,to].</summary>
    public Tensor Forward(Tensor x)
    {
        x = scope.Begin(x);
        return scope.End(scope.Seen(functional.linear(x, weight.In(x.dtype), bias?.In(x.dtype))), Work.Linear(from));
    }
}

/// <summary>Normalisation over the last axis, with scale and shift.</summary>
public sealed class LayerNorm(ParameterScope scope, long channels, double epsilon = 1e-5)
{
    private readonly Parameter weight = scope.Declare("weight", Init.Ones, channels);
    private readonly Parameter bias = scope.Declare("bias", Init.Zeros, channels);

    public Tensor Forward(Tensor x) =>
        scope.End(scope.Seen(functional.layer_norm(scope.Begin(x), [channels], weight.Value, bias.Value, epsilon)));
}

/// <summary>A table of <paramref name="count"/> vectors, looked up by index.</summary>
public sealed class Embedding(ParameterScope scope, long count, long channels, double deviation = 1)
{
    private readonly Parameter weight = scope.Declare("weight", new Init(InitKind.Normal, deviation), count, channels);

    /// <summary>int64 [B,L] → [B,L,channels].</summary>
    public Tensor Forward(Tensor indices) => scope.Seen(weight.Value.index_select(0, indices.flatten()).view([.. indices.shape, channels]));
}

/// <summary>
/// A k×k convolution with bias. libtorch 2.10.0's oneDNN leaves the padding of its channel blocks unset for k &gt; 1: with AVX-512 the gradient
/// towards the input is wrong when the output channels are no multiple of 16, the output itself when the input channels are none
/// (1 and 3 have a path of their own), and at stride 2 the gradient again when 32 does not divide input channels above 16. So
/// convolutions on CPU are widened with zeros to such multiples; the result is the same.
/// </summary>
public sealed class Conv(ParameterScope scope, long from, long to, long kernel, long stride = 1, long padding = 0)
{
    private readonly Parameter weight = scope.Declare("weight", Init.FanIn(from * kernel * kernel), to, from, kernel, kernel);
    private readonly Parameter bias = scope.Declare("bias", Init.FanIn(from * kernel * kernel), to);
    private readonly long moreIn = from is 1 or 3 ? 0 : Missing(from, stride > 1 && from > 16 ? 32 : 16);
    private readonly long moreOut = Missing(to, 16);

    /// <summary>[B,from,H,W] → [B,to,H',W'].</summary>
    public Tensor Forward(Tensor x) => scope.End(scope.Seen(Convolve(scope.Begin(x))), Work.Conv(from, kernel));

    private Tensor Convolve(Tensor x)
    {
        var last = kernel > 1 && moreIn + moreOut == 0 && scope.Into.ChannelsLast && LastWeights.Takes(weight.Value);
        var (w, b) = (last ? LastWeights.Of(weight.Value, x.dtype) : weight.In(x.dtype), bias.In(x.dtype));
        if (kernel == 1 || moreIn + moreOut == 0 || x.device_type != DeviceType.CPU || x.dtype == ScalarType.Float64)
            return functional.conv2d(x, w, b, strides: [stride, stride], padding: [padding, padding]);
        var wide = functional.conv2d(
            moreIn == 0 ? x : functional.pad(x, [0, 0, 0, 0, 0, moreIn]),
            functional.pad(w, [0, 0, 0, 0, 0, moreIn, 0, moreOut]),
            functional.pad(b, [0, moreOut]),
            strides: [stride, stride],
            padding: [padding, padding]
        );
        return moreOut == 0 ? wide : wide.narrow(1, 0, to);
    }

    private static long Missing(long channels, long block) => (block - channels % block) % block;
}

/// <summary>Group normalisation; TorchSharp 0.107.0's own module leaves scale and shift uninitialised, so they are set here.</summary>
public sealed class Norm(ParameterScope scope, long channels, long groups, double epsilon = 1e-6)
{
    /// <summary>
    /// H·W of a float32 image, in pixels, from which GN with SiLU is one kernel of our own, where it can be; below, it is libtorch's two operations. The kernel
    /// has a fixed cost a channel of an image, which 64 pixels don't repay however many images there are (it takes 1.1 to 2 times as long),
    /// 256 do. In bfloat16, where libtorch's operations convert besides, there is no bound. Measured: docs/results/speed.md, «Small images».
    /// </summary>
    public const long KernelFrom = 256;

    private readonly Parameter weight = scope.Declare("weight", Init.Ones, channels);
    private readonly Parameter bias = scope.Declare("bias", Init.Zeros, channels);

    /// <summary>The bound in force; laws of the kernel move it.</summary>
    internal static long Least { get; set; } = KernelFrom;

    /// <summary>Statistics in float32 at least; the result in x's precision.</summary>
    public Tensor Forward(Tensor x)
    {
        x = scope.Begin(x);
        return scope.End(
            scope.Into.ChannelsLast && NormLast.Takes(x)
                ? NormLast.Apply(x, groups, weight.Value, bias.Value, null, epsilon, new(Silu: false, default))
                : scope.Seen(Normalised(x).to(x.dtype))
        );
    }

    /// <summary>Dropout(SiLU(GN(x + e))), SiLU being x·sigmoid(x). One kernel on CPU, unless somebody looks at what lies between.</summary>
    /// <param name="x">[B,C,H,W].</param>
    /// <param name="shift">e, [B,C]; null for none.</param>
    /// <param name="drop">The dropout; none by default.</param>
    /// <param name="toFloat">Whether the result is float32 where x is bfloat16.</param>
    internal Tensor ForwardSilu(Tensor x, Tensor? shift = null, Dropping drop = default, bool toFloat = false)
    {
        x = scope.Begin(x);
        if (scope.Into.ChannelsLast && NormLast.Takes(x))
            return scope.End(NormLast.Apply(x, groups, weight.Value, bias.Value, shift, epsilon, new(Silu: true, drop), toFloat));
        using var inside = NewDisposeScope();
        if (shift is not null)
            x = x + shift.unsqueeze(-1).unsqueeze(-1); // [B,C,1,1]
        var y =
            Alone && Gains(x)
                ? NormSilu.Apply(x, groups, weight.Value, bias.Value, epsilon, toFloat)
                : functional.silu(scope.Seen(Normalised(x))).to(toFloat && x.dtype == ScalarType.BFloat16 ? ScalarType.Float32 : x.dtype);
        return scope.End(drop.Share > 0 ? y * drop.Of(y.shape).to(y.dtype) : y).MoveToOuterDisposeScope();
    }

    // Not the batch: what is computed for an image must not hang on how many there are.
    private static bool Gains(Tensor x) =>
        NormSilu.Takes(x) && (x.dtype != ScalarType.Float32 || x.shape[2..].Aggregate((h, w) => h * w) >= Least);

    private bool Alone => scope.Into.Tap is null;

    private Tensor Normalised(Tensor x) =>
        functional.group_norm(x.dtype == ScalarType.BFloat16 ? x.to(ScalarType.Float32) : x, groups, weight.Value, bias.Value, epsilon);
}
