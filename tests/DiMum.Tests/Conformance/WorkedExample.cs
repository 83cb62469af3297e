using DiMum.Conformance;
using DiMum.Diffusion;
using DiMum.Unlearning;
using static TorchSharp.torch;

namespace DiMum.Tests.Conformance;

/// <summary>
/// A method as somebody may write it: the unlearned images are to be predicted as under the benign condition, Eq. (6), with L1 distance instead
/// of L2. What the documentation shows.
/// </summary>
public sealed record AbsoluteRelabel(double Lambda = 0.5) : IUnlearningMethod
{
    public string Name => "absolute-relabel";
    public string Reading => "as published";
    public string Source => "Eq. (6) with ‖·‖₁ in place of ‖·‖²";

    public static Claims Claims => new() { Order = TransformOrder.ClipThenMask, MovingShare = 1 };

    public IUpdateRule Prepare(UnlearningContext context) =>
        new UpdateRule(iteration => [new(() => Loss(context, iteration), context.Clip)]);

    private Tensor Loss(UnlearningContext context, int iteration)
    {
        var forget = context.Batches.Next(context.Forget, iteration);
        var output = EpsilonLoss.Predict(context.Model, context.Schedule, forget); // [B,C,H,W]
        Tensor target;
        using (no_grad())
            target = EpsilonLoss.Predict(context.Model, context.Schedule, forget.Under(context.Alternative(forget.Condition, iteration)));
        return context.Loss(context.Retain, iteration) + Lambda * (target - output).abs().mean();
    }
}

/// <summary>The same with the line forgotten that stops the gradient.</summary>
public sealed record LeakyRelabel(double Lambda = 0.5) : IUnlearningMethod
{
    public string Name => "leaky-relabel";
    public string Reading => "as published";
    public string Source => "Eq. (6) with ‖·‖₁ in place of ‖·‖²";

    public IUpdateRule Prepare(UnlearningContext context) =>
        new UpdateRule(iteration => [new(() => Loss(context, iteration), context.Clip)]);

    private Tensor Loss(UnlearningContext context, int iteration)
    {
        var forget = context.Batches.Next(context.Forget, iteration);
        var output = EpsilonLoss.Predict(context.Model, context.Schedule, forget); // [B,C,H,W]
        var target = EpsilonLoss.Predict(context.Model, context.Schedule, forget.Under(context.Alternative(forget.Condition, iteration)));
        return context.Loss(context.Retain, iteration) + Lambda * (target - output).abs().mean();
    }
}
