using DiMum.Attacks;
using DiMum.Data;
using DiMum.Metrics;
using DiMum.Optimization;
using DiMum.Unlearning;

namespace DiMum.Runs.Stages;

/// <summary>DiMRA (Eq. 7) against one model under one assumption, measured along the way.</summary>
internal sealed class AttackStage(StageContext context, PretrainStage pretrain)
{
    /// <param name="name">Of the attacked model, for people.</param>
    /// <param name="modelFile">Its weights.</param>
    /// <param name="modelKey">What decides them.</param>
    /// <param name="before">The model as it was found.</param>
    public AttackResult Run(string name, string modelFile, string modelKey, Evaluation before, Assumption assumption)
    {
        var a = context.Experiment.Attack;
        var stage = context.Keys.Attack(name, modelKey, assumption);
        if (stage.Done)
            return context.Skip<AttackResult>(stage, Describe);

        var (bench, subject) = (context.Bench, context.Subject);
        var purpose = "attack/" + DiMRA.Label(assumption);
        using var auxiliary = Auxiliary(assumption);
        using var model = subject.NewNetwork("attack/init");
        subject.Read(modelFile, model);
        var pairing = Pairing.Auxiliary(auxiliary, subject.Unlearned);
        using var rule = DiMRA.Rule(model, bench.Schedule, bench.Batches(purpose, a.BatchSize, subject.Code), pairing, a.Clip);
        var trained = context.Train(
            new(
                stage,
                model,
                rule,
                new TrainerSettings(a.Iterations, new LearningRate(a.Rate)),
                bench.Seed.At(purpose),
                a.CheckpointEvery,
                a.EvaluateAt.Where(n => n > 0 && n < a.Iterations).Append(a.Iterations).ToHashSet(),
                step => context.Evaluator.Evaluate(model, stage, step, full: false)
            )
        );
        Evaluation[] curve = [before with { Step = 0 }, .. trained.Curve];
        return context.Complete(stage, Summary(assumption, curve, trained.Seconds / a.Iterations), Describe);
    }

    /// <summary>The attacker's images as the network is given them, labelled by condition; the caller disposes them.</summary>
    public Dataset Auxiliary(Assumption assumption)
    {
        var (bench, subject) = (context.Bench, context.Subject);
        bool Retained(int condition) => !subject.Unlearned.Contains(condition);
        switch (assumption)
        {
            case Assumption.RetainSet:
                return subject.Pairs.Where(bench.Retain.Name, Retained);
            case Assumption.TestSplit:
                using (var test = bench.ConditionedTest.Where(bench.Test.Name + "/auxiliary", Retained))
                    return subject.Encoded(test);
            case Assumption.Synthesised:
                using (var made = new Synthesis(context, pretrain).Images())
                    return subject.Encoded(made);
            default:
                throw new ArgumentOutOfRangeException(nameof(assumption), assumption, null);
        }
    }

    private static AttackResult Summary(Assumption assumption, IReadOnlyList<Evaluation> curve, double secondsPerStep)
    {
        var highest = curve.MaxBy(e => e.ArUnlearned.Value)!;
        var above = curve.FirstOrDefault(e => e.ArUnlearned.Value > 0.1)?.Step;
        return new(
            DiMRA.Label(assumption),
            curve,
            CurveMaximum.Of([.. curve.Select(e => e.ArUnlearned)]),
            highest.Step,
            above,
            secondsPerStep
        );
    }

    private static string Describe(AttackResult r) =>
        $"highest AR_a {r.HighestAr.Value:p1} at step {r.HighestAtStep}"
        + (r.FirstStepAbove10Percent is { } first ? $", above 10 % from step {first}" : ", never above 10 %");
}
