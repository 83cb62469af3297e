using DiMum.Attacks;
using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Nets;
using DiMum.Unlearning;

namespace DiMum.Runs.Stages;

/// <summary>Pre-training on D (Eq. 4), then its evaluation.</summary>
internal sealed class PretrainStage(StageContext context)
{
    /// <param name="SecondsPerStep">Training alone, without evaluation.</param>
    internal sealed record Outcome(double SecondsPerStep, Evaluation Evaluation);

    public (StageFolder Stage, Outcome Outcome) Run()
    {
        var (bench, e) = (context.Bench, context.Experiment);
        var stage = context.Keys.Pretrain();
        if (stage.Done)
            return (stage, context.Skip<Outcome>(stage, Describe));

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
        if (e.Unlearn.Start == StartWeights.Ema)
            ModelFile.Read(stage.Model, model.Parameters, average: true);
        var evaluation = context.Evaluator.Evaluate(model, stage, e.Pretrain.Iterations, full: true);
        return (stage, context.Complete(stage, new Outcome(trained.Seconds / e.Pretrain.Iterations, evaluation), Describe));
    }

    /// <summary>The pre-trained network, as unlearning and synthesis start from it.</summary>
    public ITrainableDenoiser Load(string purpose)
    {
        var (stage, _) = Run();
        var model = context.Subject.NewNetwork(purpose);
        ModelFile.Read(stage.Model, model.Parameters, context.Experiment.Unlearn.Start == StartWeights.Ema);
        return model;
    }

    private static string Describe(Outcome outcome) => StageContext.Describe(outcome.Evaluation);
}
