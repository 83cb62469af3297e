using DiMum.Data;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Unlearning;

namespace DiMum.Runs.Stages;

/// <summary>Unlearning by one method, from the pre-trained weights or, for retraining, from fresh ones.</summary>
internal sealed class UnlearnStage(StageContext context, PretrainStage pretrain)
{
    /// <param name="settings">Which method, with which numbers.</param>
    /// <param name="variant">Another method in its place, for studies.</param>
    public (StageFolder Stage, MethodResult Result) Run(MethodSettings settings, MethodVariant? variant = null)
    {
        var method = variant?.Change(MethodRegistry.Create(settings)) ?? MethodRegistry.Create(settings);
        var stage = context.Keys.Unlearn(settings, variant);
        var before = method.StartsFromScratch ? null : pretrain.Run().Evaluation;
        if (stage.Done)
            return (stage, context.Skip<MethodResult>(stage, Describe));

        var purpose = $"{settings.Name}/init";
        using var model = method.StartsFromScratch ? context.Subject.NewNetwork(purpose) : pretrain.Load(purpose);
        using var selected = ParameterSelection.Parse(settings.Parameters).Mask(model.Parameters);
        using var rule = method.Prepare(Situation(model, method, settings) with { Selected = selected });
        if (model is ISequenceConditioned sequence)
            sequence.DetachesFirstToken = method.DetachesFirstToken;
        var trained = context.Train(
            new(
                stage,
                model,
                rule,
                new TrainerSettings(settings.Iterations, new LearningRate(settings.Rate, settings.Decay), Adam: method.Optimizer)
                {
                    Decaying = selected,
                },
                context.Bench.Seed.At("unlearn"),
                context.Experiment.Pretrain.CheckpointEvery,
                EvaluateAt(method, settings.Iterations),
                step => context.Evaluator.Evaluate(model, stage, step, full: true)
            )
        );
        Evaluation[] start = before is null ? [] : [before with { Step = 0 }];
        var result = new MethodResult(
            settings.Name,
            method.Reading,
            method.Source,
            settings.Iterations,
            (int)trained.Updates,
            trained.Seconds / settings.Iterations,
            [.. start, .. trained.Curve],
            trained.Curve[^1],
            []
        );
        return (stage, context.Complete(stage, result, Describe));
    }

    private UnlearningContext Situation(ITrainableDenoiser model, IUnlearningMethod method, MethodSettings settings)
    {
        var bench = context.Bench;
        var subject = context.Subject;
        return new(
            model,
            bench.Schedule,
            bench.Batches(method.StartsFromScratch ? "pretrain" : "unlearn", settings.BatchSize, subject.Code, method.Loader),
            Pairing.Forget(subject.Pairs, subject.Unlearned),
            Pairing.Retain(subject.Pairs, subject.Unlearned),
            subject.Memorization(),
            subject.Alternative,
            settings.Iterations,
            method.Clips && settings.Clip > 0 ? settings.Clip : double.PositiveInfinity
        )
        {
            Seed = bench.Seed.At("unlearn/prepare"),
            Saved = subject.Saved,
            Cancel = context.Cancel,
        };
    }

    // Retraining has no curve of forgetting: a model that never saw the class is measured at its end alone.
    private HashSet<int> EvaluateAt(IUnlearningMethod method, int iterations)
    {
        var shares = method.StartsFromScratch ? [] : context.Experiment.Evaluate.UnlearnAt;
        return shares.Select(share => (int)Math.Round(share * iterations)).Where(n => n > 0).Append(iterations).ToHashSet();
    }

    private static string Describe(MethodResult result) => StageContext.Describe(result.Final);
}
