using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Unlearning;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification;

/// <summary>Watches a loop at work and compares what happens with the file's events, as it happens.</summary>
internal sealed class StepWatch(CaseRun run, EventScript script, ScriptedBatches batches, ParameterVector parameters, double[] initial)
{
    /// <summary>Kinds of events that are compared here; others in a file stay unchecked.</summary>
    private static readonly HashSet<string> Kinds =
    [
        "forward",
        "noise_loss",
        "mse_loss",
        "dimum_loss",
        "backward",
        "clip_grad_norm",
        "grads_at_step",
        "params_after_step",
        "ema_shadow_after_update",
        "shared_step",
        "set_param_restore",
        "lambda_bome",
        "gem_qp",
    ];
    private readonly List<double> losses = []; // of the batches since the last backward
    private Tensor? previous; // prediction before the present one
    private Tensor? others; // gradient of the weights that are not selected
    private Tensor? conditional; // first half of a guided prediction

    /// <summary>How the file's <c>noise_loss</c> is reduced.</summary>
    public LossReduction NoiseReduction { get; init; } = LossReduction.SumPerImage;

    /// <summary>Where the file's <c>mse_loss</c> is that of the last two predictions, guided, to the noise; else it is theirs to each other.</summary>
    public Guidance? GuidedLoss { get; init; }

    /// <summary>
    /// Which weights the optimiser has, [n]; null: all. Files list the gradients of the others as well, which nobody sets to zero: they add up.
    /// </summary>
    public Tensor? Selected { get; init; }

    /// <summary>The network, seen by this watch.</summary>
    public ITrainableDenoiser Model(ITrainableDenoiser network) => new WatchedModel(network, Predicted);

    /// <summary>The rule, seen by this watch.</summary>
    public IUpdateRule Rule(IUpdateRule rule) => new UpdateRule(iteration => Updates(rule, iteration), rule);

    /// <summary>A loss that was differentiated.</summary>
    public void Backward(double loss)
    {
        if (script.Take("backward", run.Check) is not { } at)
            return;
        if (script.Pending("dimum_loss", at.Index) is not null && script.Take("dimum_loss", run.Check) is { } parts)
            Parts(parts.Node, loss);
        run.Check.Scalar(at.Node["loss"], loss);
        losses.Clear();
    }

    /// <summary>A gradient that is about to be clipped.</summary>
    public void Clipping(double bound, double norm)
    {
        if (script.Take("clip_grad_norm", run.Check) is not { } at)
            return;
        run.Check.Number(at.Node["max_norm"], bound);
        run.Check.Scalar(at.Node["total_norm_before"], norm);
    }

    /// <summary>An adaptive weight.</summary>
    public void Weighed(double lambda, double cosine)
    {
        if (script.Take("lambda_bome", run.Check) is not { } at)
            return;
        run.Check.Scalar(at.Node["lambda_bome"], lambda);
        run.Check.Scalar(at.Node["cosine"], cosine);
    }

    /// <summary>A projection.</summary>
    public void Projected(double[,] p, double[] q, double[] v)
    {
        if (script.Take("gem_qp", run.Check) is not { } at)
            return;
        if (q.Length != 1)
            throw new NotCovered($"{at.Node.Path}: projections with {q.Length} references have no known form in files");
        run.Check.Scalar(at.Node["P"], p[0, 0]);
        run.Check.Scalar(at.Node["q"], q[0]);
        run.Check.Scalar(at.Node["v"], v[0]);
        run.Check.Require(v[0] >= at.Node["h"].Number(), at.Node.Path, "v lies below h");
    }

    /// <summary>The moving average after its update.</summary>
    public void Averaged(Ema ema)
    {
        if (script.Take("ema_shadow_after_update", run.Check) is not { } at)
            return;
        run.Check.Number(at.Node["mu"], ema.Rate);
        run.Table(at.Node["table"], parameters, ema.Shadow, initial);
    }

    /// <summary>Reports what the file lists and did not happen.</summary>
    public void Finish()
    {
        script.Finish(run.Check, Kinds);
        previous?.Dispose();
        conditional?.Dispose();
        others?.Dispose();
    }

    private IEnumerable<Update> Updates(IUpdateRule rule, int iteration)
    {
        var inner = false;
        foreach (var update in rule.Updates(iteration))
        {
            if (inner && !update.Inner && script.Take("set_param_restore", run.Check) is { } at)
                run.Table(at.Node["table"], parameters, parameters.Values, initial);
            inner = update.Inner;
            yield return update with
            {
                Loss = () =>
                {
                    var loss = update.Loss();
                    Backward(loss.ToDouble());
                    return loss;
                },
                Transform = GradientTransform
                    .None.Then(Backpropagated)
                    .Then(update.Transform.Watched((bound, g) => Clipping(bound, GradientTransform.Norm(g)), GradientReady).Apply),
            };
            Stepped(); // asked for the next update, so this one has been taken
        }
    }

    private void Backpropagated(Tensor gradient)
    {
        if (Selected is null)
            return;
        others ??= zeros_like(gradient).DetachFromDisposeScope();
        others.addcmul_(gradient, 1 - Selected, 1);
    }

    private void GradientReady(Tensor gradient)
    {
        if (script.Take("grads_at_step", run.Check) is not { } at)
            return;
        at.Node.Find("step")?.Use();
        run.Table(at.Node["table"], parameters, others is null ? gradient : gradient + others);
    }

    private void Stepped()
    {
        if (script.Take("params_after_step", run.Check) is not { } at)
            return;
        at.Node.Find("step")?.Use();
        run.Table(at.Node["table"], parameters, parameters.Values, initial);
        if (at.Node.Find("small") is { } small)
            foreach (var (name, want) in small.Members())
                run.Check.Tensor(want, parameters.Slice(parameters.Values, name));
    }

    private void Predicted(Tensor t, Condition condition, Tensor output)
    {
        if (!script.Lists("forward"))
            return;
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var guided = script.Pending("forward") is { } next && next.Find("mode")?.Text() == "test" ? next : (GoldenNode?)null;
        if (guided is not null && conditional is null)
        {
            conditional = output.detach().clone().DetachFromDisposeScope();
            return;
        }

        var result = output.detach();
        if (guided is { } g)
        {
            result = Guidance.ByWeight(g["kwargs"]["cond_scale"].Number()).Combine(conditional!, result);
            conditional!.Dispose();
            conditional = null;
        }

        if (script.Take("forward", run.Check) is { } at)
            Forward(at.Index, at.Node, t, condition, result);
        previous?.Dispose();
        previous = result.clone().DetachFromDisposeScope();
    }

    private void Forward(int index, GoldenNode at, Tensor t, Condition condition, Tensor output)
    {
        var check = run.Check;
        check.Numbers(at["t"], Checker.Doubles(t));
        check.Numbers(at["c"], Checker.Doubles(condition.Value));
        check.Scalar(at["out_sum"], output.to(ScalarType.Float64).sum().ToDouble());
        check.Scalar(at["out_l2"], output.to(ScalarType.Float64).norm().ToDouble());
        if (at.Find("kwargs")?.Find("cond_drop_prob") is { } probability)
            Dropped(probability, condition);
        if (script.Following(index, "noise_loss") is { } noise)
            NoiseLoss(noise, output);
        if (script.Following(index, "shared_step") is { } shared)
            check.Scalar(shared["value"], EpsilonLoss.SquaredError(batches.Last!.Noise, output, LossReduction.MeanAll).ToDouble());
        if (script.Following(index, "mse_loss") is { } mse)
        {
            var target = GuidedLoss is null ? previous! : batches.Last!.Noise;
            var prediction = GuidedLoss is { } guidance ? guidance.Combine(previous!, output) : output;
            check.Scalar(mse["value"], EpsilonLoss.SquaredError(target, prediction, LossReduction.MeanAll).ToDouble());
        }
    }

    private void Dropped(GoldenNode probability, Condition condition)
    {
        var p = probability.Number();
        var kept = condition.Keep is { } keep ? keep.sum().ToInt64() : condition.Value.shape[0];
        var right = p <= 0 ? kept == condition.Value.shape[0] : p < 1 || kept == 0;
        run.Check.Require(right, probability.Path, $"{kept} conditions are kept at drop probability {p:g}");
    }

    private void NoiseLoss(GoldenNode want, Tensor output)
    {
        want.Find("cond_drop_prob")?.Use();
        var noise = batches.Last!.Noise;
        var loss = EpsilonLoss.SquaredError(noise, output, NoiseReduction).ToDouble();
        losses.Add(loss);
        if (want.Find("keepdim")?.Flag() == true)
            run.Check.Tensor(want["value"], (noise - output).square().flatten(1).sum(1));
        else
            run.Check.Scalar(want["value"], loss);
    }

    // Retain and memorization are the last two batches' losses, in this order.
    private void Parts(GoldenNode parts, double total)
    {
        parts.Find("step")?.Use();
        parts.Find("coefficient")?.Use();
        run.Check.Require(losses.Count >= 2, parts.Path, $"{losses.Count} losses before this, expected 2");
        if (losses.Count < 2)
            return;
        run.Check.Scalar(parts["retain"], losses[^2]);
        run.Check.Scalar(parts["memorization"], losses[^1]);
        run.Check.Scalar(parts["total"], total);
    }

    private sealed class WatchedModel(ITrainableDenoiser inner, Action<Tensor, Condition, Tensor> predicted) : ITrainableDenoiser
    {
        public Device Device => inner.Device;

        public ParameterVector Parameters => inner.Parameters;

        public bool Training
        {
            get => inner.Training;
            set => inner.Training = value;
        }

        public void SeedDropout(Seed seed) => inner.SeedDropout(seed);

        public Tensor Predict(Tensor x, Tensor t, Condition condition)
        {
            var output = inner.Predict(x, t, condition);
            predicted(t, condition, output);
            return output;
        }

        // The network belongs to whoever built it.
        public void Dispose() { }
    }
}
