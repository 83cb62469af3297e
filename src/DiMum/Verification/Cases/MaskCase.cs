using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Unlearning.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>Saliency and Fisher masks: the accumulated gradients, the threshold, how many weights are chosen and which.</summary>
internal static class MaskCase
{
    // A weight whose score is this near to the threshold, relatively, may fall on either side of it.
    private const double Doubtful = 1e-3;

    /// <summary>SalUn's: the largest |Σ g| over all weights together.</summary>
    public static void Saliency(CaseRun run)
    {
        using var network = run.Network();
        var (outputs, parameters) = (run.File.Outputs, network.Parameters);
        var (context, watch) = StepCase.Loop(run, network, outputs["events"]);
        var guidance = Guidance.ByWeight(outputs["cond_scale"].Number());
        var score = new SalUn(new(0, 1), null, guidance).Saliency(context);
        watch.Finish();
        run.Table(outputs["abs_grad_sum"], parameters, score);
        foreach (var part in outputs["mask"].Items())
        {
            using var scope = NewDisposeScope();
            var ratio = part["ratio"].Number();
            var mask = SalUn.TopMask(score, ratio);
            var (chosen, rest) = (score.masked_select(mask.eq(1)), score.masked_select(mask.eq(0)));
            var ones = Ones(parameters, mask);
            run.Check.Number(part["total"], parameters.Count);
            run.Check.Number(part["k"], (long)(parameters.Count * ratio));
            run.Check.Number(part["ones_total"], ones.Sum());
            run.Check.Counts(part["ones_per_param"], ones);
            run.Check.Tensor(part["threshold"], stack([chosen.min(), rest.max()]));
            run.Check.Counts(part["exact_zero_grads"], Ones(parameters, score.eq(0).to(score.dtype)));
            Small(run.Check, parameters, part["small_masks"], mask, score / chosen.min());
        }
    }

    /// <summary>SFR-on's: the ratio of the two Fisher diagonals.</summary>
    public static void Fisher(CaseRun run)
    {
        using var network = run.Network();
        var (outputs, parameters) = (run.File.Outputs, network.Parameters);
        var (context, watch) = StepCase.Loop(run, network, outputs["events"]);
        var method = new SfrOn(new(1, 1), false, 0, null, Guidance.ByWeight(outputs["cond_scale"].Number()));
        var forget = method.Fisher(context, context.Forget);
        var retain = method.Fisher(context, context.Retain);
        watch.Finish();
        run.Table(outputs["forget_fisher"], parameters, forget);
        run.Table(outputs["remain_fisher"], parameters, retain);
        foreach (var (name, small) in outputs["small"].Members())
        {
            run.Check.Tensor(small["forget"], parameters.Slice(forget, name));
            run.Check.Tensor(small["remain"], parameters.Slice(retain, name));
        }

        foreach (var part in outputs["masks"].Items())
        {
            using var scope = NewDisposeScope();
            var threshold = part["threshold"].Number();
            var mask = SfrOn.RatioMask(forget, retain, threshold);
            var ones = Ones(parameters, mask);
            run.Check.Counts(part["ones_per_param"], ones);
            run.Check.Counts(part["ones_total"], [ones.Sum()]);
            Small(run.Check, parameters, part["small_masks"], mask, (forget + 1e-15) / (retain + 1e-15) / threshold);
        }
    }

    /// <summary>How many elements of each parameter are 1.</summary>
    public static long[] Ones(ParameterVector parameters, Tensor mask)
    {
        var values = Checker.Doubles(mask);
        return [.. parameters.Entries.Select(p => (long)values.AsSpan((int)p.Offset, (int)p.Count).ToArray().Sum())];
    }

    // Bits of small parameters in full. A bit that differs must be one at the threshold: relative score within a hair of 1.
    private static void Small(Checker check, ParameterVector parameters, GoldenNode masks, Tensor mask, Tensor relative)
    {
        foreach (var (name, want) in masks.Members())
        {
            var (bits, wanted) = (Checker.Doubles(parameters.Slice(mask, name)), want.Numbers());
            var scores = Checker.Doubles(parameters.Slice(relative, name));
            check.Require(bits.Length == wanted.Length, want.Path, $"got {bits.Length} bits, expected {wanted.Length}");
            for (var i = 0; i < Math.Min(bits.Length, wanted.Length); i++)
                if (Math.Abs(scores[i] - 1) > Doubtful)
                    check.Compare(want.Path, i, bits[i], wanted[i], 0);
        }
    }
}
