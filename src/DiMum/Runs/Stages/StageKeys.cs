using DiMum.Attacks;
using DiMum.Nets;

namespace DiMum.Runs.Stages;

/// <summary>
/// Where each stage lies. A key hashes everything that decides the stage's result (seed, device and threads always) and nothing else, so a changed
/// setting moves exactly the stages that it changes.
/// </summary>
internal sealed class StageKeys(Workbench bench, string folder)
{
    private readonly ClassifierSettings classifier = Classifiers.KeyOf(bench.Experiment.Classifier);

    private Experiment Experiment => bench.Experiment;

    public StageFolder Classifier() =>
        bench.Brought is { } brought
            ? Stage("classifier", bench.DataHash, brought.ClassifiersContent)
            : Stage("classifier", bench.DataHash, classifier, Experiment.Data.Flip, Experiment.Seed);

    /// <summary>The classifier of objects, where every style has them.</summary>
    public StageFolder ObjectClassifier() => Stage("classifier-objects", bench.DataHash, classifier, Experiment.Data.Flip, Experiment.Seed);

    /// <summary>Autoencoder and text encoder; of a model that is brought, where what they make is kept.</summary>
    public StageFolder Components() =>
        bench.Brought is { } brought
            ? Stage("components", bench.DataHash, $"{Experiment.Canvas.Wording}", brought.Content)
            : Stage("components", bench.DataHash, $"{Experiment.Canvas.Wording}", Experiment.Canvas.Autoencoder, Experiment.Canvas.Text);

    /// <summary>The weights, which know nothing of what will be unlearned: experiments on several classes share them.</summary>
    public StageFolder Pretrain() => bench.Brought is null ? Trained() : Stage("pretrain", Components().Key);

    private StageFolder Trained() =>
        // bf16 by name in the network's place, so that float32 stages of before keep theirs.
        Stage(
            "pretrain",
            [
                bench.DataHash,
                Experiment.Data.Flip,
                Experiment.Precision == Precision.Fp32 ? Experiment.Network : YamlRecord.Write(Experiment.Network) + Experiment.Precision,
                Experiment.Diffusion,
                Experiment.Pretrain with
                {
                    CheckpointEvery = 1,
                },
                .. bench.IsCanvas ? new object[] { Latent } : [],
                .. Draws,
            ]
        );

    public StageFolder EvaluatePretrained() => Stage("evaluate-pretrained", Start, Measures);

    public StageFolder Unlearn(MethodSettings settings, MethodVariant? variant = null) =>
        variant is null
            ? Stage($"unlearn-{settings.Label}", Start, Measures, settings)
            : Stage($"unlearn-{settings.Label}-{variant.Name}", Start, Measures, settings);

    /// <param name="name">Of the attacked model, for people.</param>
    /// <param name="modelKey">What decides its weights.</param>
    public StageFolder Attack(string name, string modelKey, Assumption assumption) =>
        Stage(
            $"attack-{name}-{DiMRA.Label(assumption)}",
            [
                modelKey,
                Experiment.Attack with
                {
                    Assumptions = [],
                    Methods = [],
                    CheckpointEvery = 1,
                },
                assumption == Assumption.Synthesised ? Start : "",
                Measures,
                .. Draws,
            ]
        );

    public StageFolder Synthesise() => Stage("synthesise", Start, Experiment.Sampling, bench.Classes.Unlearned);

    /// <summary>
    /// What decides a model read from any file: its weights, and what the experiment makes of them. A model of a run has its stage's key, in which that is.
    /// </summary>
    /// <param name="weights">A hash of them.</param>
    public string Checkpoint(string weights) =>
        StageFolder.KeyOf([
            weights,
            Experiment.Network,
            $"{Experiment.Precision}",
            Experiment.Diffusion,
            .. bench.IsCanvas ? new object[] { Latent } : [],
        ]);

    public StageFolder Evaluate(string name, string modelKey) => Stage($"evaluate-{name}", modelKey, Measures);

    // Which numbers dropout takes, where there is dropout: once they came from a generator, so stages of then must not be gone on with. Without it the
    // key is as it was: rounding, which a processor's or a library's kernels decide as well, is no part of a key.
    private object[] Draws =>
        bench.Device.type == TorchSharp.DeviceType.CPU && Experiment.Network is { Kind: NetworkKind.Unet, Dropout: > 0 } && !bench.IsCanvas
            ? ["dropout by index"]
            : [];

    // The parts around a latent network, and of its own shape what no size shows.
    private string Latent => $"{Components().Key} {Experiment.Canvas.Heads} heads";

    // The weights that unlearning and synthesis start from.
    private string Start => $"{Pretrain().Key} {Experiment.Unlearn.Start}";

    // What decides a measurement besides the model: images, sampler, classifier, and which classes are asked for.
    private string Measures =>
        StageFolder.KeyOf([
            Experiment.Evaluate,
            Experiment.Sampling,
            bench.IsCanvas ? $"{Classifier().Key} {ObjectClassifier().Key} top-{Experiment.Canvas.TopK}" : Classifier().Key,
            $"{bench.Classes.Unlearned} → {string.Join(',', bench.Classes.Alternative)}",
            .. bench.Measuring is { } other ? new object[] { other.Name } : [],
        ]);

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
