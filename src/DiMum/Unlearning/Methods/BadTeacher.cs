using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// Bad teaching (Chundawat et al. 2023), carried over from classifiers to predictions of noise; not among the paper's baselines. Two frozen
/// teachers: ε₀, the network before unlearning, on D_r, and ε_b, a network of fresh weights that knows nothing, on D_u:
/// L(θ) = w_r·‖ε₀(x_t,t,c) − ε_θ(x_t,t,c)‖² on D_r + w_u·‖ε_b(x_t,t,c) − ε_θ(x_t,t,c)‖² on D_u, sums per image.
/// Source: arXiv 2205.08096, Eq. (3), with squared error for the divergence of class probabilities.
/// </summary>
public sealed record BadTeacher(Balance Balance) : IUnlearningMethod
{
    public string Name => "bad-teacher";
    public string Reading => "as published";
    public string Source => $"arXiv 2205.08096, on predictions of noise; {Balance}";

    public IUpdateRule Prepare(UnlearningContext context)
    {
        var competent = new FrozenWeights(context.Model);
        var incompetent = Incompetent(context);
        return new UpdateRule(k => [new(() => Loss(context, competent, incompetent, k), context.Clip)], competent, incompetent);
    }

    private Tensor Loss(UnlearningContext context, FrozenWeights competent, FrozenWeights incompetent, int iteration)
    {
        var retain = context.Batches.Next(context.Retain, iteration);
        var forget = context.Batches.Next(context.Forget, iteration);
        // Both targets come before the first graph: a frozen copy moves θ away and back.
        var known = competent.Under(() => Predict(context, retain)); // [B,C,H,W]
        var unknown = incompetent.Under(() => Predict(context, forget)); // [B,C,H,W]
        return Balance.Retain * EpsilonLoss.SquaredError(known, Predict(context, retain), LossReduction.SumPerImage)
            + Balance.Unlearning * EpsilonLoss.SquaredError(unknown, Predict(context, forget), LossReduction.SumPerImage);
    }

    private static Tensor Predict(UnlearningContext context, NoisedBatch batch) =>
        EpsilonLoss.Predict(context.Model, context.Schedule, batch);

    // The network as it is filled at birth; θ is back afterwards.
    private static FrozenWeights Incompetent(UnlearningContext context)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        var parameters = context.Model.Parameters;
        var now = parameters.Snapshot();
        using var generator = context.Seed.At("bad-teacher").Generator();
        foreach (var p in parameters.Entries)
            parameters.Slice(parameters.Values, p.Name).copy_(ParameterVector.Fresh(p, generator));
        var frozen = new FrozenWeights(context.Model);
        parameters.Load(now);
        return frozen;
    }
}
