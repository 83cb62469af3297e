using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using DiMum.Attacks;
using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Metrics;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Unlearning;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>
/// An experiment at work in its folder: pretrain → unlearn → attack → evaluate. Every stage is skipped when its result is there, resumed when it
/// was interrupted, and keyed by everything that decides it.
/// </summary>
public sealed class Run : IDisposable
{
    private sealed record PretrainResult(double SecondsPerStep, Evaluation Evaluation);

    private readonly Workbench bench;
    private readonly RunLock @lock;
    private readonly IRunObserver observer;
    private readonly CancellationToken cancel;
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly Lock gate = new();
    private ImageClassifier? classifier;
    private ClassifierResult? classified;
    private Evaluator? evaluator;

    /// <summary>Opens or makes a run folder; only one process may have it open.</summary>
    public Run(Experiment experiment, string folder, IRunObserver observer, CancellationToken cancel)
    {
        Experiment = experiment;
        Folder = Path.GetFullPath(folder);
        (this.observer, this.cancel) = (observer, cancel);
        @lock = new RunLock(Folder);
        try
        {
            bench = new Workbench(experiment);
            AtomicFile.WriteText(Path.Combine(Folder, "experiment.yaml"), YamlRecord.Write(experiment));
        }
        catch
        {
            @lock.Dispose();
            throw;
        }
    }

    public Experiment Experiment { get; }

    public string Folder { get; }

    internal Workbench Bench => bench;

    /// <summary>Trains (or loads) the classifier; its accuracy on the test split.</summary>
    public ClassifierResult Classify()
    {
        lock (gate)
            return classified ??= TrainOrLoadClassifier();
    }

    private ClassifierResult TrainOrLoadClassifier()
    {
        var e = Experiment;
        var stage = Stage("classifier", bench.DataHash, e.Classifier, e.Data.Flip, e.Seed, bench.Device.type);
        var config = new ClassifierConfig(bench.Classes.Names.Count, bench.Train.Channels, e.Classifier.Widths, e.Classifier.Blocks);
        using var generator = bench.Seed.At("classifier/init").Generator();
        classifier ??= new ImageClassifier(config, bench.Device, generator);
        var identity = $"classifier-{stage.Key}";
        evaluator ??= new Evaluator(e, bench.Classes, bench.Generation, classifier, identity, bench.Retain, cancel);
        if (stage.Done)
        {
            ModelFile.Read(stage.Model, classifier.Parameters);
            return Skip(stage, stage.Result<ClassifierResult>(), r => $"test accuracy {r.TestAccuracy.Value:p1}");
        }

        observer.Begin(stage.Name, 0, e.Classifier.Iterations);
        var settings = new ClassifierTrainingSettings(
            e.Classifier.Iterations,
            e.Classifier.BatchSize,
            e.Classifier.Rate,
            Shift: e.Classifier.Shift,
            Flip: e.Data.Flip
        );
        ClassifierTraining.Train(
            classifier,
            bench.Train,
            settings,
            bench.Seed.At("classifier"),
            (n, loss) => observer.Advance(stage.Name, n, loss),
            cancel
        );
        ModelFile.Write(stage.Model, classifier.Parameters, null, new Dictionary<string, string> { ["format"] = "dimum-classifier-1" });
        var result = new ClassifierResult(identity, ClassifierTraining.Accuracy(classifier, bench.Test, identity));
        return Complete(stage, result, r => $"test accuracy {r.TestAccuracy.Value:p1}");
    }

    /// <summary>Pre-trains on D (Eq. 4) and evaluates.</summary>
    public (StageFolder Stage, Evaluation Evaluation, double SecondsPerStep) Pretrain()
    {
        var e = Experiment;
        var stage = PretrainStage();
        if (stage.Done)
        {
            var done = Skip(stage, stage.Result<PretrainResult>(), r => Describe(r.Evaluation));
            return (stage, done.Evaluation, done.SecondsPerStep);
        }

        using var model = bench.NewNetwork("pretrain/init");
        using var rule = DiMRA.Rule(
            model,
            bench.Schedule,
            bench.Batches("pretrain", e.Pretrain.BatchSize),
            Pairing.Train(bench.Train),
            e.Pretrain.Clip
        );
        var plan = new TrainingPlan(
            stage,
            model,
            rule,
            Workbench.Trainer(e.Pretrain),
            bench.Seed.At("pretrain"),
            e.Pretrain.CheckpointEvery,
            new HashSet<int>(),
            null
        );
        var outcome = new TrainingLoop(observer, cancel).Run(plan);
        if (e.Unlearn.Start == StartWeights.Ema)
            ModelFile.Read(stage.Model, model.Parameters, average: true);
        var evaluation = Evaluator.Evaluate(model, stage, e.Pretrain.Iterations, full: true);
        var result = Complete(stage, new PretrainResult(outcome.Seconds / e.Pretrain.Iterations, evaluation), r => Describe(r.Evaluation));
        return (stage, result.Evaluation, result.SecondsPerStep);
    }

    /// <summary>Unlearns by one method, from the pre-trained weights or, for retraining, from fresh ones.</summary>
    public (StageFolder Stage, MethodResult Result) Unlearn(MethodSettings settings)
    {
        var method = MethodRegistry.Create(settings);
        var pretrained = PretrainStage();
        var stage = UnlearnStage(settings, pretrained);
        var before = method.StartsFromScratch ? null : Pretrain().Evaluation;
        if (stage.Done)
            return (stage, Skip(stage, stage.Result<MethodResult>(), r => Describe(r.Final)));
        using var model = bench.NewNetwork($"{settings.Name}/init");
        if (!method.StartsFromScratch)
            ModelFile.Read(pretrained.Model, model.Parameters, Experiment.Unlearn.Start == StartWeights.Ema);
        var context = new UnlearningContext(
            model,
            bench.Schedule,
            bench.Batches(method.StartsFromScratch ? "pretrain" : "unlearn", settings.BatchSize),
            Pairing.Forget(bench.Train, bench.Classes.UnlearnedSet),
            Pairing.Retain(bench.Train, bench.Classes.UnlearnedSet),
            Pairing.Memorization(bench.Train, bench.Classes.UnlearnedSet, bench.Classes.AlternativeSet),
            bench.Alternative,
            settings.Iterations,
            settings.Clip
        );
        using var rule = method.Prepare(context);
        var at = Experiment
            .Evaluate.UnlearnAt.Select(share => (int)Math.Round(share * settings.Iterations))
            .Where(n => n > 0)
            .Append(settings.Iterations)
            .ToHashSet();
        var plan = new TrainingPlan(
            stage,
            model,
            rule,
            new TrainerSettings(settings.Iterations, new LearningRate(settings.Rate, settings.Decay)),
            bench.Seed.At("unlearn"),
            Experiment.Pretrain.CheckpointEvery,
            at,
            step => Evaluator.Evaluate(model, stage, step, full: true)
        );
        var outcome = new TrainingLoop(observer, cancel).Run(plan);
        Evaluation[] start = before is null ? [] : [before with { Step = 0 }];
        var result = new MethodResult(
            settings.Name,
            method.Reading,
            method.Source,
            settings.Iterations,
            (int)outcome.Updates,
            outcome.Seconds / settings.Iterations,
            [.. start, .. outcome.Curve],
            outcome.Curve[^1],
            []
        );
        return (stage, Complete(stage, result, r => Describe(r.Final)));
    }

    /// <summary>DiMRA (Eq. 7) against the model that <paramref name="settings"/> left.</summary>
    public AttackResult Attack(MethodSettings settings, Assumption assumption)
    {
        var (stage, result) = Unlearn(settings);
        return Attack(settings.Name, stage.Model, stage.Key, result.Final, assumption);
    }

    /// <summary>DiMRA against any checkpoint of this experiment's network.</summary>
    public AttackResult AttackCheckpoint(string path, Assumption assumption)
    {
        using var model = bench.NewNetwork("attack/init");
        ModelFile.Read(path, model.Parameters);
        var name = Path.GetFileNameWithoutExtension(path) is "model"
            ? Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(path))!)
            : Path.GetFileNameWithoutExtension(path);
        using var flat = model.Parameters.Snapshot();
        var key = StageFolder.KeyOf(Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(flat.cpu().bytes)));
        var stage = Stage($"evaluate-{name}", key, Experiment.Evaluate, Experiment.Sampling);
        var before = stage.Done ? stage.Result<Evaluation>() : Complete(stage, Evaluator.Evaluate(model, stage, 0, full: true), Describe);
        return Attack(name, path, key, before, assumption);
    }

    /// <summary>Measures any checkpoint of this experiment's network.</summary>
    public Evaluation EvaluateCheckpoint(string path)
    {
        using var model = bench.NewNetwork("evaluate/init");
        ModelFile.Read(path, model.Parameters);
        using var flat = model.Parameters.Snapshot();
        var key = StageFolder.KeyOf(Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(flat.cpu().bytes)));
        var stage = Stage($"evaluate-{Path.GetFileNameWithoutExtension(path)}", key, Experiment.Evaluate, Experiment.Sampling);
        if (stage.Done)
            return Skip(stage, stage.Result<Evaluation>(), Describe);
        observer.Begin(stage.Name, 0, 1);
        return Complete(stage, Evaluator.Evaluate(model, stage, 0, full: true), Describe);
    }

    /// <summary>Images of any checkpoint as a PNG sheet, a row a class.</summary>
    public void Sample(string path, string classes, int count, string png)
    {
        using var model = bench.NewNetwork("sample/init");
        ModelFile.Read(path, model.Parameters);
        int[] chosen =
            classes == "all"
                ? [.. Enumerable.Range(0, bench.Classes.Names.Count)]
                : [Classes.Find(classes, bench.Classes.Names, "--class")];
        var asked = chosen.SelectMany(c => Enumerable.Repeat((long)c, count)).ToArray();
        observer.Begin("sample", 0, 1);
        using var scope = NewDisposeScope();
        var images = bench.Generation.Images(model, asked, bench.ImageShape, bench.Seed.At("sample"), cancel);
        ImageWriter.Grid(Pixels.ToBytes(images), count, Math.Max(1, 64 / bench.Train.Height), png);
        observer.End("sample", $"{asked.Length} images", alreadyDone: false);
    }

    /// <summary>All stages, in order; what a report is made of.</summary>
    public RunResults All()
    {
        var realSamples = "real.png";
        RealSamples(Path.Combine(Folder, realSamples));
        var planned = Experiment.Unlearn.Methods;
        var scratch = planned.Where(m => MethodRegistry.Create(m).StartsFromScratch);
        InParallel([() => Classify(), () => Pretrain(), .. scratch.Select(m => (Action)(() => Unlearn(m)))]);
        InParallel([.. planned.Select(m => (Action)(() => Unlearn(m)))]);
        var attacked = planned.Where(m => Experiment.Attack.Methods.Count == 0 || Experiment.Attack.Methods.Contains(m.Name)).ToList();
        if (attacked.Count > 0 && Experiment.Attack.Assumptions.Contains(Assumption.Synthesised))
            Auxiliary(Assumption.Synthesised).Dispose();
        var attacks = attacked.SelectMany(m => Experiment.Attack.Assumptions, (m, a) => (Method: m, Assumption: a)).ToList();
        InParallel([.. attacks.Select(pair => (Action)(() => Attack(pair.Method, pair.Assumption)))]);

        // Everything is on disk now: read it back in the order of the record.
        var accuracy = Classify();
        var (_, pretrained, secondsPerStep) = Pretrain();
        var methods = planned.Select(m =>
            Unlearn(m).Result with
            {
                Attacks = [.. attacks.Where(p => p.Method == m).Select(p => Attack(m, p.Assumption))],
            }
        );
        var results = ResultsOf(realSamples, accuracy, pretrained, secondsPerStep, [.. methods]);
        AtomicFile.WriteText(Path.Combine(Folder, "results.json"), Json.Write(results));
        return results;
    }

    public void Dispose()
    {
        classifier?.Dispose();
        bench.Dispose();
        @lock.Dispose();
    }

    // The classifier is trained when something is first measured, or by its own job beside pre-training.
    private Evaluator Evaluator
    {
        get
        {
            Classify();
            return evaluator!;
        }
    }

    private void InParallel(IReadOnlyList<Action> jobs)
    {
        var workers =
            bench.Device.type != DeviceType.CPU ? 1
            : Experiment.Workers > 0 ? Experiment.Workers
            : Math.Max(1, Environment.ProcessorCount / bench.Threads);
        if (workers == 1)
        {
            foreach (var job in jobs)
                job();
            return;
        }

        try
        {
            Parallel.ForEach(
                Partitioner.Create<Action>([.. jobs], loadBalance: true),
                new ParallelOptions { MaxDegreeOfParallelism = workers },
                Job
            );
        }
        catch (AggregateException e)
        {
            // The first mistake is what the user can mend; a stop is the same stop for all.
            var first = e.Flatten()
                .InnerExceptions.OrderBy(inner =>
                    inner is UserError ? 0
                    : inner is OperationCanceledException ? 2
                    : 1
                )
                .First();
            ExceptionDispatchInfo.Throw(first);
        }
    }

    private void Job(Action job)
    {
        set_num_threads(bench.Threads); // OpenMP keeps the number per calling thread
        job();
    }

    private AttackResult Attack(string name, string modelFile, string modelKey, Evaluation before, Assumption assumption)
    {
        var a = Experiment.Attack;
        var label = DiMRA.Label(assumption);
        var stage = Stage(
            $"attack-{name}-{label}",
            modelKey,
            a with
            {
                Assumptions = [],
                Methods = [],
                CheckpointEvery = 1,
            },
            assumption == Assumption.Synthesised ? PretrainStage().Key : "",
            Experiment.Evaluate,
            Experiment.Sampling
        );
        if (stage.Done)
            return Skip(stage, stage.Result<AttackResult>(), r => Describe(r));
        using var auxiliary = Auxiliary(assumption);
        using var model = bench.NewNetwork("attack/init");
        ModelFile.Read(modelFile, model.Parameters);
        using var rule = DiMRA.Rule(
            model,
            bench.Schedule,
            bench.Batches("attack/" + label, a.BatchSize),
            Pairing.Auxiliary(auxiliary, bench.Classes.UnlearnedSet),
            a.Clip
        );
        var plan = new TrainingPlan(
            stage,
            model,
            rule,
            new TrainerSettings(a.Iterations, new LearningRate(a.Rate)),
            bench.Seed.At("attack/" + label),
            a.CheckpointEvery,
            a.EvaluateAt.Where(n => n > 0 && n < a.Iterations).Append(a.Iterations).ToHashSet(),
            step => Evaluator.Evaluate(model, stage, step, full: false)
        );
        var outcome = new TrainingLoop(observer, cancel).Run(plan);
        Evaluation[] curve = [before with { Step = 0 }, .. outcome.Curve];
        var highest = curve.MaxBy(e => e.ArUnlearned.Value)!;
        var result = new AttackResult(
            label,
            curve,
            highest.ArUnlearned,
            highest.Step,
            curve.FirstOrDefault(e => e.ArUnlearned.Value > 0.1)?.Step,
            outcome.Seconds / a.Iterations
        );
        return Complete(stage, result, r => Describe(r));
    }

    private Dataset Auxiliary(Assumption assumption) =>
        assumption switch
        {
            Assumption.RetainSet => bench.Retain.Where(bench.Retain.Name, _ => true),
            Assumption.TestSplit => bench.Test.Where(bench.Test.Name + "/auxiliary", label => label != bench.Classes.Unlearned),
            Assumption.Synthesised => new Synthesis(bench, PretrainedModel(), observer, cancel).Images(Folder),
            _ => throw new ArgumentOutOfRangeException(nameof(assumption), assumption, null),
        };

    private (StageFolder Stage, Func<ITrainableDenoiser> Load) PretrainedModel()
    {
        var (stage, _, _) = Pretrain();
        return (
            stage,
            () =>
            {
                var model = bench.NewNetwork("pretrain/init");
                ModelFile.Read(stage.Model, model.Parameters, Experiment.Unlearn.Start == StartWeights.Ema);
                return model;
            }
        );
    }

    private StageFolder PretrainStage() =>
        Stage(
            "pretrain",
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
            bench.Classes.Unlearned
        );

    private StageFolder UnlearnStage(MethodSettings settings, StageFolder pretrained) =>
        Stage($"unlearn-{settings.Name}", pretrained.Key, settings, string.Join(',', bench.Classes.Alternative));

    private StageFolder Stage(string name, params object[] parts) =>
        new(
            Folder,
            name,
            StageFolder.KeyOf([
                name,
                FormattableString.Invariant($"{Experiment.Seed} {bench.Device.type} {bench.Threads}"),
                .. parts.Select(p => p is IFormattable or bool ? FormattableString.Invariant($"{p}") : p),
            ])
        );

    private T Skip<T>(StageFolder stage, T result, Func<T, string> describe)
    {
        observer.End(stage.Name, describe(result), alreadyDone: true);
        return result;
    }

    private T Complete<T>(StageFolder stage, T result, Func<T, string> describe)
    {
        stage.Complete(result);
        observer.End(stage.Name, describe(result), alreadyDone: false);
        return result;
    }

    private static string Describe(Evaluation e) =>
        $"AR_u {e.ArUnlearned.Value:p1}, retained accuracy {e.RetainedAccuracy?.Value:p1}, Fréchet {e.Frechet?.Value:f2}";

    private static string Describe(AttackResult r) =>
        $"highest AR_a {r.HighestAr.Value:p1} at step {r.HighestAtStep}"
        + (r.FirstStepAbove10Percent is { } first ? $", above 10 % from step {first}" : ", never above 10 %");

    private void RealSamples(string path)
    {
        if (File.Exists(path))
            return;
        var labels = bench.Train.LabelArray();
        var columns = Experiment.Evaluate.GridColumns;
        var chosen = Enumerable
            .Range(0, bench.Classes.Names.Count)
            .SelectMany(c => Enumerable.Range(0, labels.Length).Where(i => labels[i] == c).Take(columns));
        using var some = bench.Train.Take("samples", [.. chosen.Select(i => (long)i)]);
        ImageWriter.Grid(some.Images, columns, Math.Max(1, 32 / bench.Train.Height), path);
    }

    private RunResults ResultsOf(
        string realSamples,
        ClassifierResult accuracy,
        Evaluation pretrained,
        double secondsPerStep,
        IReadOnlyList<MethodResult> methods
    ) =>
        new(
            Experiment.Name,
            YamlRecord.Write(Experiment),
            Description.Settings(this),
            Description.Data(bench),
            bench.Classes.Names,
            bench.Classes.Unlearned,
            bench.Classes.Alternative,
            Experiment.Seed,
            Experiment.Pretrain.Iterations,
            secondsPerStep,
            accuracy,
            realSamples,
            pretrained,
            methods,
            Description.Environment(),
            clock.Elapsed.TotalSeconds
        );
}
