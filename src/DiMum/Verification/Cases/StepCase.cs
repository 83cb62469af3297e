using System.Globalization;
using System.Text.RegularExpressions;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>
/// A loop, step by step: the library's trainer and method on the listed draws. Which method and mask it is stands in the file's settings.
/// </summary>
internal static partial class StepCase
{
    public static void Run(CaseRun run)
    {
        using var network = run.Network();
        if (network.Config.Dropout > 0)
            throw new NotCovered("loops with dropout can't be repeated: no two frameworks draw it alike");
        var hyper = run.File.Hyper ?? throw new NotCovered("the file has no settings (config/hyper)");
        var method = Method(hyper);
        using var mask = Mask(run, network, hyper, method);
        var loop = Loop(run, network, run.File.Outputs["events"]);
        var iterations = (int)hyper["n_iters"].Integer();
        var context = loop.Context with { Iterations = iterations, Alternative = Alternative(hyper) };
        var own = mask?.clone();
        IUpdateRule plain = method switch
        {
            SalUn salun => salun.Rule(context, own),
            GradientAscent ascent => ascent.Rule(context, own),
            SfrOn sfron => sfron.Rule(context, own),
            _ when mask is null => method.Prepare(context),
            _ => throw new NotCovered($"{method.Name} takes no mask here"),
        };
        using var rule = loop.Watch.Rule(plain);
        Alphas(run.Check, hyper, method, iterations);
        using var trainer = new Trainer(context.Model, rule, Settings(run, hyper, iterations), new Seed(0));
        while (!trainer.Finished)
        {
            trainer.Step();
            if (trainer.Ema is { } ema)
                loop.Watch.Averaged(ema);
        }

        loop.Watch.Finish();
    }

    /// <summary>Batches, context and watch on a list of events.</summary>
    internal static (UnlearningContext Context, StepWatch Watch) Loop(CaseRun run, ClassConditionalUNet network, GoldenNode events)
    {
        var drop = run.File.Hyper?.Find("cond_drop_prob") ?? run.File.ModelData["model"]["cond_drop_prob"];
        var (file, schedule, script) = (run.File, run.Schedule(), new EventScript(events));
        var batches = new ScriptedBatches(run, script, schedule, drop.Number());
        var watch = new StepWatch(run, script, batches, network.Parameters, Checker.Doubles(network.Parameters.Values));
        var clip = file.Hyper?.Find("grad_clip") ?? file.ModelData["optim"]["grad_clip"];
        return (Context(file, watch, network, schedule, batches, clip.Number()), watch);
    }

    /// <summary>The context of a loop that <paramref name="watch"/> sees.</summary>
    internal static UnlearningContext Context(
        GoldenFile file,
        StepWatch watch,
        ClassConditionalUNet network,
        NoiseSchedule schedule,
        ScriptedBatches batches,
        double clip
    ) =>
        new(
            watch.Model(network),
            schedule,
            batches,
            Forget: ScriptedBatches.Role(file, "forget", "unl"),
            Retain: ScriptedBatches.Role(file, "retain", "remain", "rem", "train"),
            Memorization: ScriptedBatches.Role(file, "mem"),
            Alternative: (condition, _) => condition,
            Iterations: 1,
            ClipNorm: clip
        )
        {
            GuidedGradientSeen = (loss, norm) =>
            {
                watch.Backward(loss);
                if (!double.IsNaN(norm))
                    watch.Clipping(clip, norm);
            },
            WeightSeen = watch.Weighed,
            ProjectionSeen = watch.Projected,
        };

    private static IUnlearningMethod Method(GoldenNode hyper)
    {
        var guidance = Guidance.ByWeight(hyper.Find("cond_scale")?.Number() ?? 2); // the released default for masks
        if (hyper.Find("coefficient") is { } coefficient && hyper.Has("unlearn_label"))
        {
            hyper["unlearn_label"].Use();
            hyper.Find("alternative_class")?.Use();
            // The vectors multiply the memorization term.
            return new Unlearning.Methods.DiMum(new Balance(1, coefficient.Number()));
        }

        hyper.Find("label_to_forget")?.Use();
        switch (hyper.Find("method")?.Text())
        {
            case null:
                return new RetainOnly(false); // training, and DiMRA: the ε-loss on one set
            case "rl":
                return new SalUn(new(hyper["alpha"].Number(), 1), hyper.Find("mask_ratio")?.Number() ?? 0.5, guidance);
            case "ga":
                hyper.Find("pseudo_label")?.Use();
                return new GradientAscent(new(hyper["alpha"].Number(), 1));
            case "ron":
                var balance = new Balance(hyper["remain_alpha"].Number(), hyper["forget_alpha"].Number());
                var lambda = hyper["lambd"].Number();
                var loss = hyper["unlearn_loss"].Text();
                if (loss is not ("adaga" or "ga"))
                    throw new NotCovered($"SFR-on with the forget loss '{loss}' is not built here");
                return new SfrOn(balance, hyper["decay_forget_alpha"].Flag(), loss == "ga" ? 0 : lambda, Threshold(hyper), guidance);
            case var other:
                throw new NotCovered($"the method '{other}' is not built here");
        }
    }

    private static double? Threshold(GoldenNode hyper) =>
        hyper.Find("mask")?.Text() is { } mask && NumberPattern().Match(mask) is { Success: true } number
            ? double.Parse(number.Value, CultureInfo.InvariantCulture)
            : null;

    private static Tensor? Mask(CaseRun run, ClassConditionalUNet network, GoldenNode hyper, IUnlearningMethod method)
    {
        var kind = hyper.Find("mask")?.Text();
        switch (kind?.Split(',')[0])
        {
            case null or "none":
                return null;
            case "procedural":
                var procedural = run.Tensor(
                    [.. network.Parameters.Entries.SelectMany(p => ProceduralRule.Mask(p.Name, p.Count))],
                    network.Parameters.Count
                );
                if (run.File.Outputs.Find("procedural_mask")?.Find("ones") is { } ones)
                    run.Check.Numbers(ones, [.. MaskCase.Ones(network.Parameters, procedural).Select(n => (double)n)]);
                return procedural;
            case "generated":
                var generated = Generated(run, network, method);
                if (run.File.Outputs.Find("mask_ones") is { } counts)
                    run.Check.Counts(counts, MaskCase.Ones(network.Parameters, generated));
                return generated;
            default:
                throw new NotCovered($"the mask '{kind}' is unknown here");
        }
    }

    private static Tensor Generated(CaseRun run, ClassConditionalUNet network, IUnlearningMethod method)
    {
        using var scope = NewDisposeScope();
        var (file, outputs) = (run.File, run.File.Outputs);
        var events =
            outputs.Find("mask_generation_events")
            ?? outputs.Find("fisher_events")
            ?? throw new NotCovered("the file has no events of the mask");
        var (context, watch) = Loop(run, network, events);
        var forget = ScriptedBatches.Role(file, "maskforget", "fforget", "forget");
        Tensor mask;
        switch (method)
        {
            case SalUn { MaskRatio: { } ratio } salun:
                mask = SalUn.TopMask(salun.Saliency(context with { Forget = forget }), ratio);
                break;
            case SfrOn { Gamma: { } gamma } sfron:
                var forgetFisher = sfron.Fisher(context, forget);
                mask = SfrOn.RatioMask(
                    forgetFisher,
                    sfron.Fisher(context, ScriptedBatches.Role(file, "fremain", "retain", "remain")),
                    gamma
                );
                break;
            default:
                throw new NotCovered($"{method.Name} makes no mask here");
        }

        watch.Finish();
        return mask.MoveToOuterDisposeScope();
    }

    /// <summary>Rate, average and Adam's constants; a file without an optimiser's settings means plain Adam.</summary>
    internal static TrainerSettings Settings(CaseRun run, GoldenNode hyper, int iterations)
    {
        var model = run.File.ModelData["model"];
        if (run.File.ModelData.Find("optim") is not { } optim)
            return new(iterations, new(hyper["lr"].Number()));
        if (optim.Find("optimizer")?.Text() is { } name && name != "Adam" || optim.Find("amsgrad")?.Flag() == true)
            throw new NotCovered($"{optim.Path}: only plain Adam is built here");
        var betas = hyper.Find("betas")?.Numbers() ?? [optim["beta1"].Number(), 0.999];
        var epsilon = hyper.Find("eps") ?? optim["eps"];
        var rate = hyper.Find("lr") ?? optim["lr"];
        var average = hyper.Find("ema_rate") ?? model.Find("ema_rate");
        var averages =
            hyper.Find("ema")?.Flag() ?? run.File.Outputs["events"].Items().Any(e => e["ev"].Text() == "ema_shadow_after_update");
        average?.Use();
        return new(
            iterations,
            new(rate.Number()),
            averages ? average!.Value.Number() : null,
            new(betas[0], betas[1], epsilon.Number(), optim.Find("weight_decay")?.Number() ?? 0)
        );
    }

    private static Func<Condition, int, Condition> Alternative(GoldenNode hyper) =>
        hyper.Find("pseudo_label") is { } label
            ? (condition, _) => condition with { Value = full_like(condition.Value, label.Number()) }
            : (condition, _) => condition;

    private static void Alphas(Checker check, GoldenNode hyper, IUnlearningMethod method, int iterations)
    {
        if (method is SfrOn sfron && hyper.Find("forget_alpha_per_step") is { } alphas)
            check.Numbers(alphas, [.. Enumerable.Range(0, iterations).Select(k => sfron.Alpha(k, iterations))], 1e-12);
    }

    [GeneratedRegex(@"\d+(?:\.\d+)?(?:e[+-]?\d+)?")]
    private static partial Regex NumberPattern();
}
