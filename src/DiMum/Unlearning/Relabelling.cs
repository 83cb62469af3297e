using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning;

/// <summary>Where c̃, the benign condition of Eq. (6), comes from.</summary>
public enum BenignCondition
{
    /// <summary>The experiment's alternative, for each image.</summary>
    Alternative,

    /// <summary>The experiment's alternative, one for the whole batch (EraseDiff@14f4e98).</summary>
    OneForTheBatch,

    /// <summary>The conditions of the retain batch of the same step, in its order (UnlearnCanvas@920cfd1).</summary>
    OfRetainBatch,
}

/// <summary>
/// The unlearning term of Eq. (6): ‖sg[ε_θ(x_t,t,c̃)] − ε_θ(x_t,t,c)‖². Source of the target: the current network, without gradient; c̃ is
/// dropped independently of c.
/// </summary>
/// <param name="Reduction">How the norm becomes a number.</param>
/// <param name="Benign">Where c̃ comes from.</param>
public sealed record Relabelling(LossReduction Reduction, BenignCondition Benign = BenignCondition.Alternative)
{
    /// <summary>The loss on a batch of D_u.</summary>
    /// <param name="context">Model, schedule, batches.</param>
    /// <param name="batch">Of D_u, under c.</param>
    /// <param name="step">The step that c̃ and its dropping are drawn for.</param>
    /// <param name="retainStep">The step of the retain batch, where c̃ is its.</param>
    public Tensor Loss(UnlearningContext context, NoisedBatch batch, int step, int retainStep)
    {
        var benign = BenignOf(context, batch.Condition, step, retainStep);
        return Towards(context, batch, context.Batches.Redrop(benign, "alternative", step));
    }

    /// <summary>The same towards a given c̃.</summary>
    public Tensor Towards(UnlearningContext context, NoisedBatch batch, Condition benign)
    {
        var output = EpsilonLoss.Predict(context.Model, context.Schedule, batch); // [B,C,H,W]
        Tensor target;
        using (no_grad())
            target = EpsilonLoss.Predict(context.Model, context.Schedule, batch.Under(benign));
        return EpsilonLoss.SquaredError(target, output, Reduction);
    }

    private Condition BenignOf(UnlearningContext context, Condition condition, int step, int retainStep)
    {
        var size = condition.Value.shape[0];
        switch (Benign)
        {
            case BenignCondition.OfRetainBatch:
                return new(context.Batches.Conditions(context.Retain, retainStep).Value.narrow(0, 0, size));
            case BenignCondition.OneForTheBatch:
                var first = context.Alternative(condition, step).Value.narrow(0, 0, 1);
                return new(first.expand([size, .. first.shape[1..]]).contiguous());
            default:
                return context.Alternative(condition, step);
        }
    }
}
