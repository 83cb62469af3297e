using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Benchmarks;

/// <summary>One layer or block with an input and the gradient that comes back to it.</summary>
internal sealed class LayerUnderTest : IDisposable
{
    private readonly ParameterVector parameters;
    private readonly Func<Tensor, Tensor> forward;
    private readonly Tensor input;
    private readonly Tensor slope;

    /// <param name="make">Declares the layer; what it computes.</param>
    /// <param name="shape">[B,C,H,W] of the input, whose result has the same.</param>
    /// <param name="precision">Of input and result.</param>
    public LayerUnderTest(Func<ParameterScope, Func<Tensor, Tensor>> make, long[] shape, Precision precision)
    {
        var declarations = new ParameterDeclarations();
        forward = make(new(declarations));
        using var generator = Workload.Seed.At("layer").Generator();
        parameters = new(declarations, Session.Device, generator);
        var type = precision == Precision.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
        input = randn(shape, generator: generator).to(Session.Device).to(type).DetachFromDisposeScope();
        slope = randn(shape, generator: generator).to(Session.Device).to(type).DetachFromDisposeScope();
        using var scope = NewDisposeScope();
        var (once, both) = Session.Count(parameters, () => forward(input.detach().requires_grad_()).to(ScalarType.Float32).sum());
        var bytes = (double)input.numel() * input.element_size();
        ForwardFigures = new(precision, shape[0], once, once == 0 ? 2 * bytes : 0);
        BothFigures = new(precision, shape[0], both, both == 0 ? 5 * bytes : 0); // x and y; x, ∂L/∂y and ∂L/∂x
    }

    public Figures ForwardFigures { get; }

    public Figures BothFigures { get; }

    public void Forward()
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        forward(input);
        Session.Wait();
    }

    public void Both()
    {
        using var scope = NewDisposeScope();
        autograd.backward([forward(input.detach().requires_grad_())], [slope]);
        Session.Wait();
    }

    public void Dispose()
    {
        parameters.Dispose();
        input.Dispose();
        slope.Dispose();
    }
}
