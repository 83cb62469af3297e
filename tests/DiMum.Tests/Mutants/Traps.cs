using DiMum.Checkpoints;
using DiMum.Conformance;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Metrics;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using static DiMum.Tests.Mutants.MethodMutants;
using static TorchSharp.torch;
using Esd = DiMum.Spec.Esd;
using Method = DiMum.Unlearning.IUnlearningMethod;

namespace DiMum.Tests.Mutants;

/// <summary>
/// The traps T1–T23 found in released baselines, each as a variant that a law of the harness must reject. docs/verification.md is generated
/// from this table.
/// </summary>
internal static class Traps
{
    private static readonly Balance Half = new(1, 0.5);
    private static readonly SalUn MaskedSalUn = new(Half, 0.5, Guidance.None);
    private static readonly SfrOn MaskedSfrOn = new(Half, true, 0.5, 1, Guidance.None);

    public static readonly IReadOnlyList<Mutant> All =
    [
        Mutant.Of(
            "T1",
            "SalUn's relabel term as a sum per image",
            EquationLaws.equation,
            Equation("SalUn", b => new SalUn(b, null, Guidance.None)),
            Equation("SalUn", b => Relabel(b, LossReduction.SumPerImage))
        ),
        Mutant.Of(
            "T2a",
            "SalUn masks and then clips",
            MethodLaws.transforming,
            Claiming(MaskedSalUn, TransformOrder.ClipThenMask),
            Claiming(Masked(MaskedSalUn, SalUnMask, (_, mask) => MaskThenClip(mask)), TransformOrder.ClipThenMask)
        ),
        Mutant.Of(
            "T2b",
            "SFR-on clips and then masks",
            MethodLaws.transforming,
            Claiming(MaskedSfrOn, TransformOrder.MaskThenClip),
            Claiming(Masked(MaskedSfrOn, HalfMask, (k, mask) => k == 0 ? ClipThenMask(mask) : Clip), TransformOrder.MaskThenClip)
        ),
        Mutant.Of(
            "T3",
            "the mask falls on the gradient before it is zeroed",
            MethodLaws.masking,
            Sharing(MaskedSalUn),
            Sharing(MasksOldGradient(MaskedSalUn))
        ),
        Mutant.Of(
            "T4",
            "the mask's names match no parameter",
            MethodLaws.masking,
            Sharing(MaskedSalUn),
            Sharing(MaskedSalUn with { MaskRatio = null })
        ),
        Mutant.Of(
            "T5a",
            "the mask of the smallest gradients",
            PartLaws.saliencyMask,
            SalUn.TopMask,
            (score, ratio) => SalUn.TopMask(score.neg(), ratio)
        ),
        Mutant.Of(
            "T5b",
            "the optimiser steps while the mask is made",
            MethodLaws.preparing,
            Plain(MaskedSalUn),
            Plain(StepsWhilePreparing(MaskedSalUn))
        ),
        Mutant.Of(
            "T6",
            "every step reads the first batch",
            MethodLaws.reading,
            Plain(new Unlearning.Methods.DiMum(Half)),
            Plain(FirstBatchOnly(new Unlearning.Methods.DiMum(Half)))
        ),
        Mutant.Of(
            "T7",
            "the projection sees the gradient of the step before",
            PartLaws.projection,
            PartMutants.Project,
            PartMutants.ProjectStale
        ),
        Mutant.Of(
            "T8",
            "one weight on the other term",
            EquationLaws.equation,
            Equation("DiMUM", b => new Unlearning.Methods.DiMum(b)),
            Equation("DiMUM", b => new Unlearning.Methods.DiMum(new(b.Unlearning, b.Retain)))
        ),
        Mutant.Of(
            "T9",
            "an inner loop leaves the weights where it went",
            MethodLaws.leavingWeights,
            Plain(new Unlearning.Methods.DiMum(Half)),
            Plain(InnerLoopWithoutRestore(new Unlearning.Methods.DiMum(Half)))
        ),
        Mutant.Of("T10", "Fisher values square the mean gradient", PartLaws.fisher, PartMutants.Fisher, PartMutants.FisherOfMean),
        Mutant.Of("T11", "weights without gradient compare as 0/0", PartLaws.ratioMask, SfrOn.RatioMask, PartMutants.RatioWithoutFloor),
        Mutant.Of(
            "T12",
            "the moving average takes its rate for the share of the new weights",
            PartLaws.average,
            PartMutants.Average,
            (shadow, theta, rate) => PartMutants.Average(shadow, theta, 1 - rate)
        ),
        Mutant.Of(
            "T13",
            "the average is asked for and the weights are given",
            PartLaws.averagedFile,
            (path, parameters, average) => ModelFile.Read(path, parameters, average),
            (path, parameters, _) => ModelFile.Read(path, parameters)
        ),
        Mutant.Of(
            "T14",
            "η = 1 with the variance β",
            PartLaws.etaOne,
            steps => new Ddim { Steps = steps, Eta = 1 },
            steps => new PartMutants.WideDdim { Steps = steps }
        ),
        Mutant.Of(
            "T15",
            "the weight w taken for the scale s",
            PartLaws.guidance,
            (w, conditional, nothing) => Guidance.ByWeight(w).Combine(conditional, nothing),
            (w, conditional, nothing) => Guidance.ByScale(w).Combine(conditional, nothing)
        ),
        Mutant.Of("T16", "every image stretched by itself", PartLaws.pixels, Pixels.ToBytes, PartMutants.Stretched),
        Mutant.Of(
            "T17",
            "the reference is the first images of each class",
            PartLaws.splits,
            new PartLaws.Splits(Pairing.Forget, Pairing.Retain),
            new PartLaws.Splits(Pairing.Forget, PartMutants.FirstPerClass)
        ),
        Mutant.Of("T18", "images read as BGR", PartLaws.colours, ImageWriter.Read, path => ImageWriter.Read(path).flip(-3)),
        Mutant.Of(
            "T19",
            "numbers of unlike features are compared",
            PartLaws.comparison,
            (a, b) => a.DifferenceFrom(b),
            (a, b) => a.Value - b.Value
        ),
        Mutant.Of(
            "T20",
            "top-1 where another k is asked",
            PartLaws.topHits,
            AccuracyRate.Hits,
            (logits, labels, _) => AccuracyRate.Hits(logits, labels, 1)
        ),
        Mutant.Of(
            "T21",
            "ESD's η of one form in the other",
            PartLaws.esdForms,
            new PartLaws.EsdForms(PartMutants.EsdTarget, FromConcept),
            new PartLaws.EsdForms((eta, concept, nothing) => PartMutants.EsdTarget(1 + eta, concept, nothing), FromConcept)
        ),
        Mutant.Of(
            "T22a",
            "the relabel target from a frozen copy",
            EquationLaws.equation,
            Equation("SalUn", b => new SalUn(b, null, Guidance.None)),
            Equation("SalUn", b => Relabel(b, frozen: true))
        ),
        Mutant.Of(
            "T22b",
            "the relabel target with gradient",
            MethodLaws.targets,
            Plain(new SalUn(Half, null, Guidance.None)),
            Plain(Relabel(Half, stopsGradient: false))
        ),
        Mutant.Of(
            "T23",
            "mirrored times off by one",
            PartLaws.antithetic,
            Timesteps.Complete,
            (half, batch, steps) => Timesteps.Complete(half, batch, steps + 1)
        ),
    ];

    private static GradientTransform Clip => GradientTransform.None.ThenClip(1);

    private static GradientTransform ClipThenMask(Tensor mask) => Clip.ThenMask(mask);

    private static GradientTransform MaskThenClip(Tensor mask) => GradientTransform.None.ThenMask(mask).ThenClip(1);

    private static Tensor SalUnMask(UnlearningContext context) => SalUn.TopMask(MaskedSalUn.Saliency(context), 0.5);

    private static Tensor HalfMask(UnlearningContext context) => arange(context.Model.Parameters.Count, ScalarType.Float64).remainder(2);

    private static double[] FromConcept(double eta, double[] concept, double[] nothing) =>
        Esd.target(Esd.Form.NewFromConcept(eta), concept, nothing);

    private static CheckedMethod Plain(Method method) => new(method, new Claims());

    private static CheckedMethod Claiming(Method method, TransformOrder order) => new(method, new Claims { Order = order });

    private static CheckedMethod Sharing(Method method) => new(method, new Claims { MovingShare = 0.5 });

    private static EquationLaws.CheckedEquation Equation(string name, Func<Balance, Method> make) =>
        new(Components.methods.Single(known => known.Name == name), make);
}
