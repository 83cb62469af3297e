using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Optimization;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>The ε-loss, each image's share of it, its gradient in every parameter, and clipping.</summary>
internal static class LossCase
{
    public static void Run(CaseRun run)
    {
        using var network = run.Network();
        var outputs = run.File.Outputs;
        var (clean, noise) = (run.Input(run.File.Input("x0")), run.Input(run.File.Input("e")));
        var (t, c) = (run.Tensor(outputs["t"].Integers()), outputs["c"].Integers());
        foreach (var (_, part) in outputs.Members())
            if (part.Has("loss"))
            {
                using var scope = NewDisposeScope();
                Part(run, network, part, new(clean, run.Condition(c, Dropping.Keep(part, c.Length)), t, noise));
            }
    }

    /// <summary>EraseDiff's: the mean over all elements; summed over C, H, W where it is asked image by image.</summary>
    public static void Erasing(CaseRun run)
    {
        using var network = run.Network();
        var (outputs, schedule) = (run.File.Outputs, run.Schedule());
        var condition = run.Condition(outputs["c"].Integers(), null);
        var batch = new NoisedBatch(
            run.Input(run.File.Input("x0")),
            condition,
            run.Tensor(outputs["t"].Integers()),
            run.Input(run.File.Input("e"))
        );
        network.Parameters.ZeroGradient();
        var loss = EpsilonLoss.Of(network, schedule, batch, LossReduction.MeanAll);
        loss.backward();
        run.Check.Scalar(outputs["loss_mean"], loss.ToDouble());
        run.Table(outputs["grads"], network.Parameters, network.Parameters.Gradient);
        using var none = no_grad();
        run.Check.Tensor(outputs["per_sample_sum_keepdim"], EpsilonLoss.PerImage(network, schedule, batch));
    }

    private static void Part(CaseRun run, ClassConditionalUNet network, GoldenNode part, NoisedBatch batch)
    {
        var schedule = run.Schedule();
        var parameters = network.Parameters;
        parameters.ZeroGradient();
        var loss = EpsilonLoss.Of(network, schedule, batch);
        loss.backward();
        run.Check.Scalar(part["loss"], loss.ToDouble());
        if (part.Find("per_sample_loss") is { } each)
            using (no_grad())
                run.Check.Tensor(each, EpsilonLoss.PerImage(network, schedule, batch));
        if (part.Find("grads") is { } grads)
            run.Table(grads, parameters, parameters.Gradient);
        if (part.Find("full_grads") is { } full)
            foreach (var (name, want) in full.Members())
                run.Check.Tensor(want, parameters.Slice(parameters.Gradient, name));
        if (part.Find("clip") is { } clip)
            Clip(run.Check, parameters, clip);
    }

    private static void Clip(Checker check, ParameterVector parameters, GoldenNode clip)
    {
        const string after = "grads_after_clip_";
        check.Scalar(clip["total_norm_before"], GradientTransform.Clip(parameters.Gradient, clip["max_norm"].Number()));
        foreach (var (name, want) in clip.Members())
            if (name.StartsWith(after, StringComparison.Ordinal))
            {
                var parameter = parameters.Entries.FirstOrDefault(p => p.Name.Replace('.', '_') == name[after.Length..]);
                check.Require(parameter is not null, want.Path, "the network has no parameter of this name");
                if (parameter is not null)
                    check.Tensor(want, parameters.Slice(parameters.Gradient, parameter.Name));
            }
    }
}
