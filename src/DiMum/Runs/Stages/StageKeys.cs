using DiMum.Attacks;

namespace DiMum.Runs.Stages;

/// <summary>
/// Where each stage lies. A key hashes everything that decides the stage's result (seed, device and threads always) and nothing else, so a changed
/// setting moves exactly the stages that it changes.
/// </summary>
internal sealed class StageKeys(Workbench bench, string folder)
{
    private Experiment Experiment => bench.Experiment;

    public StageFolder Classifier() => Stage("classifier", bench.DataHash, Experiment.Classifier, Experiment.Data.Flip, Experiment.Seed);

    /// <summary>The classifier of objects, where every style has them.</summary>
    public StageFolder ObjectClassifier() =>
        Stage("classifier-objects", bench.DataHash, Experiment.Classifier, Experiment.Data.Flip, Experiment.Seed);

    /// <summary>Autoencoder and text encoder.</summary>
    public StageFolder Components() => Stage("components", bench.DataHash, Experiment.Canvas);

    public StageFolder Pretrain() =>
        Stage(
            "pretrain",
            [
                bench.DataHash,
                Experiment.Data.Flip,
                Experiment.Network,
                Experiment.Diffusion,
                Experiment.Pretrain with
                {
                    CheckpointEvery = 1,
                },
                Experiment.Unlearn.Start,
                Experiment.Evaluate,
                Experiment.Sampling,
                Experiment.Classifier,
                bench.Classes.Unlearned,
                .. bench.IsCanvas ? new object[] { Experiment.Canvas } : [],
            ]
        );

    public StageFolder Unlearn(MethodSettings settings) =>
        Stage($"unlearn-{settings.Label}", Pretrain().Key, settings, string.Join(',', bench.Classes.Alternative));

    /// <param name="name">Of the attacked model, for people.</param>
    /// <param name="modelKey">What decides its weights.</param>
    public StageFolder Attack(string name, string modelKey, Assumption assumption) =>
        Stage(
            $"attack-{name}-{DiMRA.Label(assumption)}",
            modelKey,
            Experiment.Attack with
            {
                Assumptions = [],
                Methods = [],
                CheckpointEvery = 1,
            },
            assumption == Assumption.Synthesised ? Pretrain().Key : "",
            Experiment.Evaluate,
            Experiment.Sampling
        );

    public StageFolder Synthesise() => Stage("synthesise", Pretrain().Key, Experiment.Sampling);

    public StageFolder Evaluate(string name, string modelKey) =>
        Stage($"evaluate-{name}", modelKey, Experiment.Evaluate, Experiment.Sampling, Classifier().Key);

    private StageFolder Stage(string name, params object[] parts) =>
        new(
            folder,
            name,
            StageFolder.KeyOf([
                name,
                FormattableString.Invariant($"{Experiment.Seed} {bench.Device.type} {bench.Threads}"),
                .. parts.Select(p => p is IFormattable or bool ? FormattableString.Invariant($"{p}") : p),
            ])
        );
}
