using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Nets;

/// <summary>How a parameter is filled at birth.</summary>
/// <param name="Kind">The rule.</param>
/// <param name="Scale">Bound of <see cref="InitKind.Uniform"/>, value of <see cref="InitKind.Constant"/>, σ of <see cref="InitKind.Normal"/>.</param>
public readonly record struct Init(InitKind Kind, double Scale)
{
    /// <summary>PyTorch's default for convolutions and linear layers, weight and bias alike: U(−1/√fanIn, 1/√fanIn).</summary>
    public static Init FanIn(long fanIn) => new(InitKind.Uniform, 1 / Math.Sqrt(fanIn));

    public static Init Ones => new(InitKind.Constant, 1);
    public static Init Zeros => new(InitKind.Constant, 0);
    public static Init StandardNormal => new(InitKind.Normal, 1);
}

/// <summary>Kinds of <see cref="Init"/>.</summary>
public enum InitKind
{
    Constant,
    Uniform,
    Normal,
}

/// <summary>One named tensor inside a <see cref="ParameterVector"/>.</summary>
public sealed class Parameter(string name, long[] shape, Init init)
{
    public string Name { get; } = name;
    public long[] Shape { get; } = shape;
    public Init Init { get; } = init;
    public long Count { get; } = shape.Aggregate(1L, (product, n) => product * n);

    /// <summary>First element's place in the flat vector.</summary>
    public long Offset { get; internal set; }

    /// <summary>A leaf of the autograd graph that shares the flat vector's memory.</summary>
    public Tensor Value { get; internal set; } = null!;

    /// <summary>The value in a layer's precision: itself, or a bfloat16 copy whose gradient comes back in the master's precision.</summary>
    public Tensor In(ScalarType precision) => precision == ScalarType.BFloat16 ? Value.to(ScalarType.BFloat16) : Value;
}

/// <summary>Collects a network's parameters in order, before they have memory.</summary>
public sealed class ParameterDeclarations
{
    private readonly List<Parameter> list = [];

    public IReadOnlyList<Parameter> All => list;

    /// <summary>Sees every layer's output under the layer's name, for verification; null in normal use.</summary>
    internal Action<string, Tensor>? Tap { get; set; }

    /// <summary>Watches modules begin and end, for profiling; null in normal use.</summary>
    internal IModuleProbe? Probe { get; set; }

    /// <summary>Whether the layers are given [B,C,H,W] that lie channels last in memory, and may use the kernels for that.</summary>
    internal bool ChannelsLast { get; set; }

    /// <summary>Declares a parameter; order of declaration is order in the vector and in checkpoints.</summary>
    public Parameter Declare(string name, Init init, params long[] shape)
    {
        if (list.Any(p => p.Name == name))
            throw new ArgumentException($"parameter '{name}' is declared twice");
        list.Add(new Parameter(name, shape, init));
        return list[^1];
    }
}

/// <summary>
/// θ as one flat tensor, and its gradient as another. The network's parameters are leaves that share θ's memory, and their gradients share
/// the flat gradient's: autograd accumulates into it in place. Adam, EMA, clipping, masks, distances and checkpoints are then a few
/// operations on whole vectors.
/// </summary>
public sealed class ParameterVector : IDisposable
{
    private readonly Dictionary<string, Parameter> byName;
    private readonly ParameterDeclarations declarations;
    private readonly Tensor? gradient;

    /// <summary>Gives the declared parameters memory and values.</summary>
    /// <param name="declarations">Names, shapes and order.</param>
    /// <param name="device">Where they live.</param>
    /// <param name="generator">Draws what their <see cref="Init"/> says; null leaves random ones at 0, for weights that are loaded next.</param>
    /// <param name="dtype">float32, or float64 for laws.</param>
    /// <param name="frozen">Without gradient, at half the memory: for networks that are never trained here.</param>
    public ParameterVector(
        ParameterDeclarations declarations,
        Device device,
        Generator? generator,
        ScalarType dtype = ScalarType.Float32,
        bool frozen = false
    )
    {
        this.declarations = declarations;
        Entries = declarations.All;
        byName = Entries.ToDictionary(p => p.Name);
        foreach (var p in Entries)
        {
            p.Offset = Count;
            Count += p.Count;
        }

        using var none = no_grad();
        Values = empty(Count, dtype: dtype, device: device).DetachFromDisposeScope();
        gradient = frozen ? null : zeros(Count, dtype: dtype, device: device).DetachFromDisposeScope();
        foreach (var p in Entries)
            Bind(p, generator);
    }

    /// <summary>Number of elements, n.</summary>
    public long Count { get; }

    /// <summary>θ, [n].</summary>
    public Tensor Values { get; }

    /// <summary>∂L/∂θ, [n]; accumulates over backward passes until <see cref="ZeroGradient"/>.</summary>
    public Tensor Gradient => gradient ?? throw new InvalidOperationException("these parameters are frozen: they have no gradient");

    /// <summary>Whether there is no gradient.</summary>
    public bool Frozen => gradient is null;

    /// <summary>Names, shapes and offsets, in order.</summary>
    public IReadOnlyList<Parameter> Entries { get; }

    public Parameter this[string name] => byName[name];

    /// <summary>Watches the network's modules begin and end, for profiling; null in normal use.</summary>
    internal IModuleProbe? Probe
    {
        set => declarations.Probe = value;
    }

    /// <summary>Copies θ from a flat vector of the same length.</summary>
    public void Load(Tensor flat)
    {
        if (flat.numel() != Count)
            throw new ArgumentException($"expected {Count} parameters, got {flat.numel()}");
        using var none = no_grad();
        Values.copy_(flat);
    }

    /// <summary>A copy of θ, [n].</summary>
    public Tensor Snapshot()
    {
        using var none = no_grad();
        return Values.clone();
    }

    public void ZeroGradient()
    {
        using var none = no_grad();
        Gradient.zero_();
    }

    /// <summary>Part of a flat vector (θ, a gradient, a mask, a moment) under a parameter's name, in its shape; shares memory.</summary>
    public Tensor Slice(Tensor flat, string name)
    {
        var p = byName[name];
        return flat.narrow(0, p.Offset, p.Count).view(p.Shape);
    }

    /// <summary>Values of a parameter at birth by its <see cref="Init"/>, float64 in its shape.</summary>
    public static Tensor Fresh(Parameter p, Generator? generator) =>
        p.Init.Kind switch
        {
            InitKind.Constant => full(p.Shape, p.Init.Scale, ScalarType.Float64),
            InitKind.Uniform => rand(p.Shape, ScalarType.Float64, generator: generator).mul_(2).sub_(1).mul_(p.Init.Scale),
            InitKind.Normal => randn(p.Shape, ScalarType.Float64, generator: generator).mul_(p.Init.Scale),
            _ => throw new InvalidOperationException($"unknown init {p.Init.Kind}"),
        };

    public void Dispose()
    {
        foreach (var p in Entries)
            p.Value.Dispose();
        Values.Dispose();
        gradient?.Dispose();
    }

    private void Bind(Parameter p, Generator? generator)
    {
        using var scope = NewDisposeScope();
        var view = Values.narrow(0, p.Offset, p.Count).view(p.Shape);
        if (generator is not null || p.Init.Kind == InitKind.Constant)
            view.copy_(Fresh(p, generator));
        else
            view.zero_();
        p.Value = view.detach().requires_grad_(gradient is not null).DetachFromDisposeScope();
        if (gradient is not null)
            p.Value.grad = gradient.narrow(0, p.Offset, p.Count).view(p.Shape);
    }
}
