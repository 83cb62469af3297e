using DiMum.Attacks;
using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Nets;
using DiMum.Unlearning;

namespace DiMum.Runs.Stages;

/// <summary>
/// Pre-training on D (Eq. 4), then its evaluation: two stages, because the second alone depends on what is unlearned. Of a model that a user brings the
/// weights are taken instead.
/// </summary>
internal sealed class PretrainStage(StageContext context)
{
    /// <param name="SecondsPerStep">Training alone, without evaluation.</param>
    internal sealed record Outcome(double SecondsPerStep, Evaluation Evaluation);

    private sealed record Weights(double SecondsPerStep);

    public Outcome Run()
    {
        var stage = context.Keys.EvaluatePretrained();
        if (stage.Done)
            return context.Skip<Outcome>(stage, Describe);
        var seconds = Train().Result<Weights>().SecondsPerStep;
        using var model = Load("pretrain/init");
        context.Observer.Begin(stage.Name, 0, 1);
        var evaluation = context.Evaluator.Evaluate(model, stage, context.Experiment.Pretrain.Iterations, full: true);
        return context.Complete(stage, new Outcome(seconds, evaluation), Describe);
    }

    private StageFolder Train()
    {
        var (bench, e) = (context.Bench, context.Experiment);
        var stage = context.Keys.Pretrain();
        if (stage.Done)
            return stage;

        if (bench.Brought is { } brought)
        {
            context.Observer.Begin(stage.Name, 0, 1);
            brought.WriteNetwork(stage.Model);
            context.Complete(stage, new Weights(0), _ => "the weights that canvas.model names");
            return stage;
        }

        var subject = context.Subject;
        using var model = subject.NewNetwork("pretrain/init");
        var batches = bench.Batches("pretrain", e.Pretrain.BatchSize, subject.Code);
        using var rule = DiMRA.Rule(model, bench.Schedule, batches, Pairing.Train(subject.Pairs), e.Pretrain.Clip); // the same loss, on all of D
        var trained = context.Train(
            new(
                stage,
                model,
                rule,
                Workbench.Trainer(e.Pretrain),
                bench.Seed.At("pretrain"),
                e.Pretrain.CheckpointEvery,
                new HashSet<int>(),
                null
            )
        );
        context.Complete(stage, new Weights(trained.Seconds / e.Pretrain.Iterations), w => $"{1000 * w.SecondsPerStep:f1} ms a step");
        return stage;
    }

    /// <summary>The pre-trained network, as unlearning and synthesis start from it.</summary>
    public ITrainableDenoiser Load(string purpose)
    {
        var stage = Train();
        var model = context.Subject.NewNetwork(purpose);
        ModelFile.Read(stage.Model, model.Parameters, context.Experiment.Unlearn.Start == StartWeights.Ema);
        return model;
    }

    private static string Describe(Outcome outcome) => StageContext.Describe(outcome.Evaluation);
}
