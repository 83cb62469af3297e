using System.Diagnostics;
using DiMum.Attacks;
using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Runs.Stages;
using DiMum.Runs.Subjects;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>
/// An experiment at work in its folder: pretrain → unlearn → attack → evaluate. Every stage is skipped when its result is there, resumed when it
/// was interrupted, and keyed by everything that decides it.
/// </summary>
public sealed class Run : IDisposable
{
    private readonly RunLock @lock;
    private readonly StageContext context;
    private readonly PretrainStage pretrain;
    private readonly UnlearnStage unlearn;
    private readonly AttackStage attack;
    private readonly CheckpointStage checkpoint;
    private readonly Stopwatch clock = Stopwatch.StartNew();

    /// <summary>Opens or makes a run folder; only one process may have it open.</summary>
    public Run(Experiment experiment, string folder, IRunObserver observer, CancellationToken cancel)
        : this(experiment, folder, observer, cancel, null) { }

    internal Run(Experiment experiment, string folder, IRunObserver observer, CancellationToken cancel, MeasuringVariant? measuring)
    {
        Experiment = experiment;
        Folder = Path.GetFullPath(folder);
        @lock = new RunLock(Folder);
        try
        {
            Bench = new Workbench(experiment) { Measuring = measuring };
            if (Bench.IsCanvas)
                CanvasSubject.Check(Bench);
            AtomicFile.WriteText(Path.Combine(Folder, "experiment.yaml"), YamlRecord.Write(experiment));
        }
        catch
        {
            Bench?.Dispose();
            @lock.Dispose();
            throw;
        }

        context = new(Bench, Folder, observer, cancel);
        pretrain = new(context);
        unlearn = new(context, pretrain);
        attack = new(context, pretrain);
        checkpoint = new(context);
    }

    public Experiment Experiment { get; }

    public string Folder { get; }

    internal Workbench Bench { get; }

    /// <summary>Trains (or loads) the classifier; its accuracy on the test split.</summary>
    public ClassifierResult Classify() => context.Classify();

    /// <summary>Pre-trains on D (Eq. 4) and evaluates.</summary>
    public Evaluation Pretrain() => pretrain.Run().Evaluation;

    /// <summary>Unlearns by one method, pre-training first where it is missing.</summary>
    public MethodResult Unlearn(MethodSettings settings) => unlearn.Run(settings).Result;

    /// <summary>DiMRA (Eq. 7) against the model that <paramref name="settings"/> left.</summary>
    public AttackResult Attack(MethodSettings settings, Assumption assumption)
    {
        var (stage, result) = unlearn.Run(settings);
        return attack.Run(settings.Label, stage.Model, stage.Key, result.Final, assumption);
    }

    /// <summary>Unlearns by a variant and attacks what it left.</summary>
    internal (MethodResult Result, AttackResult Attack) Compare(MethodSettings settings, MethodVariant? variant, Assumption assumption)
    {
        var (stage, result) = unlearn.Run(settings, variant);
        var name = variant is null ? settings.Label : $"{settings.Label}-{variant.Name}";
        return (result, attack.Run(name, stage.Model, stage.Key, result.Final, assumption));
    }

    /// <summary>DiMRA against any checkpoint of this experiment's network.</summary>
    public AttackResult AttackCheckpoint(string path, Assumption assumption)
    {
        var (name, key, before) = checkpoint.Evaluate(path);
        return attack.Run(name, path, key, before, assumption);
    }

    /// <summary>Measures any checkpoint of this experiment's network.</summary>
    public Evaluation EvaluateCheckpoint(string path) => checkpoint.Evaluate(path).Evaluation;

    /// <summary>Images of any checkpoint as a PNG sheet, a row a class.</summary>
    public void Sample(string path, string classes, int count, string png) => checkpoint.Sample(path, classes, count, png);

    /// <summary>All stages; what a report is made of.</summary>
    public RunResults All()
    {
        const string realSamples = "real.png";
        RealSamples(Path.Combine(Folder, realSamples));
        var planned = Experiment.Unlearn.Methods;
        var attacks = planned
            .Where(m => Experiment.Attack.Methods.Count == 0 || m.IsIn(Experiment.Attack.Methods))
            .SelectMany(m => Experiment.Attack.Assumptions, (m, a) => (Method: m, Assumption: a))
            .ToList();
        Work(planned, attacks).Run(Workers);

        // Everything is on disk now: read it back in the order of the record.
        var accuracy = Classify();
        var pretrained = pretrain.Run();
        var methods = planned.Select(m =>
            Unlearn(m) with
            {
                Attacks = [.. attacks.Where(p => p.Method == m).Select(p => Attack(m, p.Assumption))],
            }
        );
        var results = ResultsOf(realSamples, accuracy, pretrained, [.. methods]);
        AtomicFile.WriteText(Path.Combine(Folder, "results.json"), Json.Write(results));
        return results;
    }

    public void Dispose()
    {
        context.Dispose();
        Bench.Dispose();
        @lock.Dispose();
    }

    private int Workers =>
        Bench.Device.type != DeviceType.CPU ? 1
        : Experiment.Workers > 0 ? Experiment.Workers
        : Math.Max(1, Environment.ProcessorCount / Bench.Threads);

    private Jobs Work(IReadOnlyList<MethodSettings> planned, IReadOnlyList<(MethodSettings Method, Assumption Assumption)> attacks)
    {
        var jobs = new Jobs();
        Add("pretrain", () => pretrain.Run());
        Add("classifier", () => Classify());
        foreach (var m in planned.OrderByDescending(m => MethodRegistry.Create(m).StartsFromScratch)) // those need not wait for pre-training
            Add($"unlearn-{m.Label}", () => Unlearn(m), MethodRegistry.Create(m).StartsFromScratch ? [] : ["pretrain"]);
        var synthesised = attacks.Any(a => a.Assumption == Assumption.Synthesised);
        if (synthesised)
            Add("synthesise", () => attack.Auxiliary(Assumption.Synthesised).Dispose(), "pretrain");
        foreach (var (m, a) in attacks)
            Add(
                $"attack-{m.Label}-{DiMRA.Label(a)}",
                () => Attack(m, a),
                a == Assumption.Synthesised ? ["synthesise", $"unlearn-{m.Label}"] : [$"unlearn-{m.Label}"]
            );
        return jobs;

        void Add(string name, Action work, params IReadOnlyList<string> after) =>
            jobs.Add(
                name,
                () =>
                {
                    set_num_threads(Bench.Threads); // OpenMP keeps the number per calling thread
                    work();
                },
                after
            );
    }

    private void RealSamples(string path)
    {
        if (File.Exists(path))
            return;
        var labels = Bench.Train.LabelArray();
        var columns = Bench.Train.IsPoints ? 300 : Experiment.Evaluate.GridColumns;
        var chosen = Enumerable
            .Range(0, Bench.Classes.Names.Count)
            .SelectMany(c => Enumerable.Range(0, labels.Length).Where(i => labels[i] == c).Take(columns));
        using var some = Bench.Train.Take("samples", [.. chosen.Select(i => (long)i)]);
        using var scope = NewDisposeScope();
        Bench.Sheet.Write(Dataset.ToModel(some.Images), some.LabelArray(), columns, 32, path);
    }

    private RunResults ResultsOf(
        string realSamples,
        ClassifierResult accuracy,
        PretrainStage.Outcome pretrained,
        IReadOnlyList<MethodResult> methods
    ) =>
        new(
            Experiment.Name,
            YamlRecord.Write(Experiment),
            Description.Settings(this),
            Description.Data(Bench),
            Bench.Classes.Names,
            Bench.Classes.Unlearned,
            Bench.Classes.Alternative,
            Experiment.Seed,
            Experiment.Pretrain.Iterations,
            pretrained.SecondsPerStep,
            accuracy,
            realSamples,
            pretrained.Evaluation,
            methods,
            Description.Environment(),
            clock.Elapsed.TotalSeconds
        );
}
