using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Nets;

/// <summary>A place in the name tree under which layers declare their parameters.</summary>
public sealed record ParameterScope(ParameterDeclarations Into, string Prefix = "")
{
    public ParameterScope Sub(string name) => new(Into, Prefix.Length == 0 ? name : $"{Prefix}.{name}");

    public Parameter Declare(string name, Init init, params long[] shape) => Into.Declare(Sub(name).Prefix, init, shape);
}

/// <summary>y = W x + b.</summary>
public sealed class Linear(ParameterScope scope, long from, long to)
{
    private readonly Parameter weight = scope.Declare("weight", Init.FanIn(from), to, from);
    private readonly Parameter bias = scope.Declare("bias", Init.FanIn(from), to);

    /// <summary>[B,from] → [B,to].</summary>
    public Tensor Forward(Tensor x) => functional.linear(x, weight.Value, bias.Value);
}

/// <summary>A k×k convolution with bias.</summary>
public sealed class Conv(ParameterScope scope, long from, long to, long kernel, long stride = 1, long padding = 0)
{
    private readonly Parameter weight = scope.Declare("weight", Init.FanIn(from * kernel * kernel), to, from, kernel, kernel);
    private readonly Parameter bias = scope.Declare("bias", Init.FanIn(from * kernel * kernel), to);

    /// <summary>[B,from,H,W] → [B,to,H',W'].</summary>
    public Tensor Forward(Tensor x) => functional.conv2d(x, weight.Value, bias.Value, strides: [stride, stride], padding: [padding, padding]);
}

/// <summary>Group normalisation; TorchSharp 0.107.0's own module leaves scale and shift uninitialised, so they are set here.</summary>
public sealed class Norm(ParameterScope scope, long channels, long groups, double epsilon = 1e-6)
{
    private readonly Parameter weight = scope.Declare("weight", Init.Ones, channels);
    private readonly Parameter bias = scope.Declare("bias", Init.Zeros, channels);

    public Tensor Forward(Tensor x) => functional.group_norm(x, groups, weight.Value, bias.Value, epsilon);

    /// <summary>SiLU(GN(x)): x·sigmoid(x) after normalisation.</summary>
    public Tensor ForwardSilu(Tensor x) => functional.silu(Forward(x));
}
