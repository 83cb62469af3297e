using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Nets;

/// <summary>
/// Activation checkpointing: a block's result with only its inputs kept for the backward pass, where the block is computed again. Gradients of the
/// parameters that it uses accumulate as ever. The block must draw nothing random.
/// </summary>
public sealed class Recompute : autograd.SingleTensorFunction<Recompute>
{
    private const string Block = "block";

    /// <summary><paramref name="block"/> of <paramref name="inputs"/>.</summary>
    public static Tensor Of(Func<Tensor[], Tensor> block, params Tensor[] inputs) => apply([block, .. inputs]);

    public override string Name => nameof(Recompute);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var inputs = vars.Skip(1).Cast<Tensor>().ToArray();
        ctx.save_data(Block, vars[0]);
        ctx.save_for_backward([.. inputs]);
        return ((Func<Tensor[], Tensor>)vars[0])(inputs);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var inputs = saved.Select(s => s.detach().requires_grad_(s.requires_grad)).ToArray();
        using (enable_grad())
        {
            var result = ((Func<Tensor[], Tensor>)ctx.get_data(Block))(inputs);
            autograd.backward([result], [grad_output]);
        }

        // The block itself is an input without gradient.
        return [null!, .. inputs.Select(i => i.requires_grad ? i.grad!.MoveToOuterDisposeScope() : null!)];
    }
}
