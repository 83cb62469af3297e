using DiMum.Diffusion;
using DiMum.Optimization;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Studies.Traps;

/// <summary>Losses, masks and what is done to gradients: T1–T5, T8, T10, T11.</summary>
internal static class GradientTraps
{
    private static readonly SalUn Masked = new(new(1, 1), 0.5, Guidance.ByWeight(2));

    public static Seen Reductions(TrapScene scene)
    {
        var (target, output) = (scene.Normal("target", 8, 3, 32, 32), scene.Normal("output", 8, 3, 32, 32));
        var sum = EpsilonLoss.SquaredError(target, output, LossReduction.SumPerImage).ToDouble();
        var mean = EpsilonLoss.SquaredError(target, output, LossReduction.MeanAll).ToDouble();
        return Seen.If(
            Math.Abs(sum / mean - 3072) < 1e-6,
            $"sum per image over mean of all elements, 3×32×32: {sum / mean:f3}; α = 1e-3 on the sum is {1e-3 * sum / mean:f3} in mean units"
        );
    }

    public static Seen ClipAndMask(TrapScene scene)
    {
        using var model = scene.Network();
        var gradient = TrapScene.Gradient(model, () => scene.Context(model).Loss(scene.Context(model).Forget, 0));
        var (mask, first) = (TrapScene.HalfMask(model), gradient.clone());
        GradientTransform.None.ThenClip(1).ThenMask(mask).Apply(first);
        GradientTransform.None.ThenMask(mask).ThenClip(1).Apply(gradient);
        var (clipThenMask, maskThenClip) = (GradientTransform.Norm(first), GradientTransform.Norm(gradient));
        return Seen.If(
            maskThenClip - clipThenMask > 0.01,
            $"norm of the same gradient under the same half mask: {clipThenMask:f3} clipped then masked, {maskThenClip:f3} masked then clipped"
        );
    }

    public static Seen MaskOnOldGradient(TrapScene scene)
    {
        using var model = scene.Network();
        var (context, mask) = (scene.Context(model), TrapScene.HalfMask(model));
        double Moved(Func<Tensor, Tensor> order)
        {
            var gradient = order(TrapScene.Gradient(model, () => context.Loss(context.Forget, 0)));
            return (gradient.ne(0) * mask.eq(0)).sum().ToDouble() / mask.eq(0).sum().ToDouble();
        }

        var (late, right) = (Moved(g => g), Moved(g => g * mask)); // masked before zero_grad and backward: what backward gives is not masked
        return Seen.If(
            late > 0.5 && right == 0,
            $"share of masked-out weights that get a gradient: {late:p1} when the mask falls before zero_grad(), {right:p1} after backward()"
        );
    }

    public static Seen NameAgainstTensors(TrapScene scene)
    {
        using var model = scene.Network();
        IReadOnlyList<object> tensors = [.. model.Parameters.Entries.Select(p => p.Value)];
        var found = model.Parameters.Entries.Count(p => tensors.Contains(p.Name));
        return Seen.If(found == 0, $"of {tensors.Count} names, {found} are in the list of the tensors: the masked branch is never taken");
    }

    public static Seen SmallestGradients(TrapScene scene)
    {
        using var model = scene.Network();
        var context = scene.Context(model);
        var saliency = Masked.Saliency(context); // |Σ g|
        double Ratio(Tensor mask) => (saliency * mask).mean().ToDouble() / (saliency * (1 - mask)).mean().ToDouble();
        var (top, drifting) = (Ratio(SalUn.TopMask(saliency, 0.4)), Ratio(DriftingMask.Mask(saliency, 0.4)));
        var start = model.Parameters.Snapshot();
        var settings = new TrainerSettings(15, new LearningRate(1e-5));
        using (var rule = DriftingMask.Rule(context, Guidance.ByScale(7.5), zeros_like(saliency)))
        using (var trainer = new Trainer(model, rule, settings, scene.Seed))
            while (!trainer.Finished)
                trainer.Step();
        var drift = (model.Parameters.Values - start).norm().ToDouble();
        return Seen.If(
            top > 1 && drifting < 1 && drift > 0,
            $"Σ saliency inside over outside, 40 %: {top:g3} for the largest, {drifting:g3} for the smallest; 15 steps of the benchmark's loop move the weights by {drift:g3}"
        );
    }

    public static Seen ThreeAlphas(TrapScene scene)
    {
        using var model = scene.Network();
        var context = scene.Context(model);
        var relabelling = new Relabelling(LossReduction.MeanAll);
        var retain = TrapScene.Gradient(model, () => context.Loss(context.Retain, 0, LossReduction.MeanAll));
        var forget = TrapScene.Gradient(model, () => relabelling.Loss(context, context.Batches.Next(context.Forget, 0), 0, 0));
        double Cosine(Tensor a, Tensor b) => ((a * b).sum() / (a.norm() * b.norm())).ToDouble();
        var cosine = Cosine(forget + 0.1 * retain, retain + 0.1 * forget);
        var noRetain = (forget + 0 * retain - forget).norm().ToDouble();
        return Seen.If(
            cosine < 0.99 && noRetain == 0,
            $"one batch, α = 0.1: cosine of SalUn's direction (forget + α·retain) and that of Scissorhands and EraseDiff (retain + α·forget) is {cosine:f3}; at α = 0 the first has no retain term, the others no forget term"
        );
    }

    public static Seen FisherOfBatches(TrapScene scene)
    {
        using var model = scene.Network();
        Tensor Fisher(int batch, double w) =>
            new SfrOn(new(1, 1), true, 0.5, 1, Guidance.ByWeight(w)).Fisher(
                scene.Context(model, batch: batch),
                scene.Context(model).Forget
            );
        var (one, many, unguided) = (Fisher(1, 2), Fisher(64, 2), Fisher(64, 0));
        double Share(Tensor a, Tensor b) => a.gt(a.median()).eq(b.gt(b.median())).to(ScalarType.Float64).mean().ToDouble();
        return Seen.If(
            one.sum().ToDouble() <= 1.0001 && Share(one, many) < 0.99,
            $"Σ F of clipped gradients is {one.sum().ToDouble():f3} at batch 1 and {many.sum().ToDouble():f3} at batch 64 (never above 1); their upper halves agree on {Share(one, many):p1} of the weights, those with and without guidance on {Share(many, unguided):p1}"
        );
    }

    public static Seen NoGradientIsSelected(TrapScene scene)
    {
        using var model = scene.Network();
        var (context, method) = (scene.Context(model, batch: 64), new SfrOn(new(1, 1), true, 0.5, 1, Guidance.ByWeight(2)));
        var (forget, retain) = (method.Fisher(context, context.Forget), method.Fisher(context, context.Retain));
        var neither = forget.eq(0) * retain.eq(0);
        var constructed = SfrOn.RatioMask(zeros(1), zeros(1), 1).ToDouble();
        var selected = (SfrOn.RatioMask(forget, retain, 1) * neither).sum().ToDouble();
        return Seen.If(
            constructed == 1,
            $"a weight without gradient in either set is selected (mask {constructed:f0}); in this network {neither.sum().ToDouble():f0} of {model.Parameters.Count} weights are such, {selected:f0} of them selected"
        );
    }
}
