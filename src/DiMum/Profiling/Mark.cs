using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Profiling;

/// <summary>The identity, whose backward says that a gradient has come this far.</summary>
internal sealed class Mark : autograd.SingleTensorFunction<Mark>
{
    private const string Passed = "passed";

    /// <summary><paramref name="x"/>, which must need a gradient; <paramref name="passed"/> is called when that gradient passes.</summary>
    public static Tensor Of(Tensor x, Action passed) => apply(x, passed);

    public override string Name => nameof(Mark);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        ctx.save_data(Passed, vars[1]);
        return ((Tensor)vars[0]).alias();
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        ((Action)ctx.get_data(Passed))();
        return [grad_output.alias(), null!];
    }
}
