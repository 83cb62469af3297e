using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>EraseDiff's released class-conditional loop: inner passes, restore, outer pass, with fixed and with adaptive λ.</summary>
internal static class EraseDiffCase
{
    public static void Run(CaseRun run)
    {
        using var network = run.Network();
        if (network.Config.Dropout > 0)
            throw new NotCovered("loops with dropout can't be repeated: no two frameworks draw it alike");
        var hyper = run.File.Hyper ?? throw new NotCovered("the file has no settings (config/hyper)");
        var (schedule, script) = (run.Schedule(), new EventScript(run.File.Outputs["events"]));
        var passLength = new ScriptedBatches(run, script, schedule, 0).PassLength(ScriptedBatches.Role(run.File, "forget", "unl"));
        // The retain term drops nothing, so the file lists choices for the unlearning term alone.
        var batches = new ScriptedBatches(run, script, schedule, dropProbability: 0) { Period = passLength };
        var watch = new StepWatch(run, script, batches, network.Parameters, Checker.Doubles(network.Parameters.Values))
        {
            NoiseReduction = LossReduction.MeanAll,
        };
        var clip = hyper.Find("grad_clip") ?? run.File.ModelData["optim"]["grad_clip"];
        var iterations = (int)(hyper["unl_eps"].Integer() * hyper["S_steps"].Integer()) * passLength;
        var context = StepCase.Context(run.File, watch, network, schedule, batches, clip.Number()) with
        {
            Iterations = iterations,
            Alternative = (condition, _) =>
                condition with
                {
                    Value = full_like(condition.Value, script.Draw("randint").Use()["values"].Integers()[0]),
                },
        };
        var (lambda, margin) = (hyper["lambda_bome"].Number(), hyper["eta_bome"].Number());
        var method = new EraseDiff(new(1, Math.Max(0, lambda)), (int)hyper["K_steps"].Integer(), lambda < 0 ? margin : null)
        {
            Loop = EraseDiffLoop.Of(MethodReading.AsReleased),
        };
        Train(watch, context, method.Prepare(context), StepCase.Settings(run, hyper, iterations));
    }

    /// <summary>The library's trainer under the watch; disposes the rule.</summary>
    public static void Train(StepWatch watch, UnlearningContext context, IUpdateRule plain, TrainerSettings settings)
    {
        using var rule = watch.Rule(plain);
        using var trainer = new Trainer(context.Model, rule, settings, new Seed(0));
        while (!trainer.Finished)
        {
            trainer.Step();
            if (trainer.Ema is { } ema)
                watch.Averaged(ema);
        }

        watch.Finish();
    }
}
