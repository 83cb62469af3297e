using DiMum.Diffusion;
using DiMum.Unlearning.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>SFR-on's adaptively weighted loss at several λ, and the decay of its weight.</summary>
internal static class AdaptiveLossCase
{
    public static void Run(CaseRun run)
    {
        using var network = run.Network();
        var outputs = run.File.Outputs;
        var noise = ImageCase.Scaled(run, run.Input(run.File.Input("e")), outputs["noise_rule"].Text());
        var condition = run.Condition(outputs["c"].Integers(), null);
        var batch = new NoisedBatch(run.Input(run.File.Input("x0")), condition, run.Tensor(outputs["t"].Integers()), noise);
        foreach (var one in outputs["runs"].Items())
        {
            using var scope = NewDisposeScope();
            var lambda = one["lambd"].Number();
            network.Parameters.ZeroGradient();
            var each = EpsilonLoss.PerImage(network, run.Schedule(), batch);
            var loss = SfrOn.AdaptiveLoss(each, lambda);
            (-loss).backward();
            run.Check.Tensor(one["per_sample_loss"], each);
            run.Check.Tensor(one["coef_normalised"], SfrOn.Weights(each, lambda));
            run.Check.Tensor(one["adaptive_per_sample"], SfrOn.Weights(each, lambda) * each * each.shape[0]);
            run.Check.Scalar(one["adaptive_loss"], loss.ToDouble());
            run.Table(one["grads_of_minus_adaptive_loss"], network.Parameters, network.Parameters.Gradient);
        }

        if (outputs.Find("cosine_lr_scheduler") is { } decay)
            foreach (var at in decay.Items())
            {
                var method = new SfrOn(new(1, at["base"].Number()), true, 0, null, Guidance.None);
                run.Check.Scalar(at["value"], method.Alpha((int)at["step"].Integer(), (int)at["T_max"].Integer()));
            }
    }
}
