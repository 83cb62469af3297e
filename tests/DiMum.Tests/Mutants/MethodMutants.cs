using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Optimization;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using static TorchSharp.torch;

namespace DiMum.Tests.Mutants;

/// <summary>A method that does what another does, but for what its maker changes.</summary>
internal sealed record Changed(IUnlearningMethod Of, Func<UnlearningContext, IUpdateRule> Make) : IUnlearningMethod
{
    public string Name => Of.Name;
    public string Reading => Of.Reading;
    public string Source => Of.Source;
    public int UpdatesPerIteration => Of.UpdatesPerIteration;

    public IUpdateRule Prepare(UnlearningContext context) => Make(context);
}

/// <summary>Batches of another source, changed on the way.</summary>
internal sealed class ChangedBatches(IBatchSource of, Func<int, int> step) : IBatchSource
{
    public NoisedBatch Next(Pairing pairing, int at) => of.Next(pairing, step(at));

    public IEnumerable<NoisedBatch> Pass(Pairing pairing) => of.Pass(pairing);

    public int PassLength(Pairing pairing) => of.PassLength(pairing);

    public Condition Conditions(Pairing pairing, int at) => of.Conditions(pairing, step(at));

    public Condition Redrop(Condition condition, string purpose, int at) => of.Redrop(condition, purpose, at);
}

/// <summary>Wrong variants of the methods.</summary>
internal static class MethodMutants
{
    /// <summary>SalUn's loss with its parts open to change.</summary>
    public static Changed Relabel(
        Balance balance,
        LossReduction reduction = LossReduction.MeanAll,
        bool stopsGradient = true,
        bool frozen = false
    ) =>
        new(
            new SalUn(balance, null, Guidance.None),
            context =>
            {
                var start = context.Model.Parameters.Snapshot().DetachFromDisposeScope();
                Tensor Loss(int iteration)
                {
                    var forget = context.Batches.Next(context.Forget, iteration);
                    var output = EpsilonLoss.Predict(context.Model, context.Schedule, forget);
                    var under = forget.Under(context.Alternative(forget.Condition, iteration));
                    var now = context.Model.Parameters.Snapshot();
                    if (frozen)
                        context.Model.Parameters.Load(start);
                    var target = EpsilonLoss.Predict(context.Model, context.Schedule, under);
                    if (frozen)
                        context.Model.Parameters.Load(now);
                    return balance.Unlearning * EpsilonLoss.SquaredError(stopsGradient ? target.detach() : target, output, reduction)
                        + balance.Retain * context.Loss(context.Retain, iteration);
                }

                return new UpdateRule(iteration => [new(() => Loss(iteration), context.Clip)], start);
            }
        );

    /// <summary>A method whose transforms are made anew from the mask that it should have.</summary>
    public static Changed Masked(
        IUnlearningMethod of,
        Func<UnlearningContext, Tensor> mask,
        Func<int, Tensor, GradientTransform> transform
    ) =>
        new(
            of,
            context =>
            {
                var held = mask(context).DetachFromDisposeScope();
                var plain = of.Prepare(context);
                return new UpdateRule(
                    iteration => plain.Updates(iteration).Select((update, k) => update with { Transform = transform(k, held) }),
                    held,
                    plain
                );
            }
        );

    /// <summary>The mask falls on the gradient of the step before, which is then zeroed.</summary>
    public static Changed MasksOldGradient(SalUn of) =>
        new(
            of,
            context =>
            {
                var mask = SalUn.TopMask(of.Saliency(context), of.MaskRatio!.Value).DetachFromDisposeScope();
                var plain = of.Rule(context, null);
                Tensor Late(Update update)
                {
                    using (no_grad())
                        context.Model.Parameters.Gradient.mul_(mask);
                    context.Model.Parameters.ZeroGradient();
                    return update.Loss();
                }

                return new UpdateRule(
                    iteration => plain.Updates(iteration).Select(update => new Update(() => Late(update), context.Clip)),
                    mask,
                    plain
                );
            }
        );

    /// <summary>Every step opens its loader anew, so that every step reads the first batch.</summary>
    public static Changed FirstBatchOnly(IUnlearningMethod of) =>
        new(of, context => of.Prepare(context with { Batches = new ChangedBatches(context.Batches, _ => 0) }));

    /// <summary>The optimiser steps while the mask's gradients are accumulated.</summary>
    public static Changed StepsWhilePreparing(IUnlearningMethod of) =>
        new(
            of,
            context =>
            {
                using (no_grad())
                    context.Model.Parameters.Values.add_(1e-3);
                return of.Prepare(context);
            }
        );

    /// <summary>An inner loop that leaves the weights where it went.</summary>
    public static Changed InnerLoopWithoutRestore(IUnlearningMethod of) =>
        new(
            of,
            context =>
            {
                var plain = of.Prepare(context);
                IEnumerable<Update> Inner(int iteration)
                {
                    using (no_grad())
                        context.Model.Parameters.Values.sub_(1e-3);
                    return plain.Updates(iteration);
                }

                return new UpdateRule(Inner, plain);
            }
        );
}
