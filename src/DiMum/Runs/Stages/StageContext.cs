using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Metrics;
using DiMum.Runs.Subjects;

namespace DiMum.Runs.Stages;

/// <summary>What every stage of a run is given: the bench, the folder its keys name, who watches, and what measures.</summary>
internal sealed class StageContext : IDisposable
{
    private readonly Lock gate = new();
    private ImageClassifier? classifier;
    private ClassifierResult? classified;
    private Evaluator? evaluator;
    private ImageClassifier? objects;
    private readonly Lock subjectGate = new();
    private ISubject? subject;

    public StageContext(Workbench bench, string folder, IRunObserver observer, CancellationToken cancel)
    {
        (Bench, Observer, Cancel) = (bench, observer, cancel);
        Keys = new(bench, folder);
    }

    public Workbench Bench { get; }
    public Experiment Experiment => Bench.Experiment;
    public IRunObserver Observer { get; }
    public CancellationToken Cancel { get; }
    public StageKeys Keys { get; }

    /// <summary>Trains (or loads) the classifier; its accuracy on the test split.</summary>
    public ClassifierResult Classify()
    {
        lock (gate)
            return classified ??= TrainOrLoadClassifier();
    }

    /// <summary>The classifier is trained when something is first measured, or by its own job beside pre-training.</summary>
    public Evaluator Evaluator
    {
        get
        {
            Classify();
            return evaluator!;
        }
    }

    public TrainingOutcome Train(TrainingPlan plan) => new TrainingLoop(Observer, Cancel).Run(plan);

    /// <summary>What the denoiser is given and asked by; its frozen parts are trained when it is first needed.</summary>
    public ISubject Subject
    {
        get
        {
            lock (subjectGate)
                return subject ??= Bench.IsCanvas
                    ? new CanvasSubject(Bench, new ComponentsStage(this).Run(), Path.Combine(Keys.Components().Path, "cache"))
                    : new ClassSubject(Bench);
        }
    }

    public T Skip<T>(StageFolder stage, Func<T, string> describe)
    {
        var result = stage.Result<T>();
        Observer.End(stage.Name, describe(result), alreadyDone: true);
        return result;
    }

    public T Complete<T>(StageFolder stage, T result, Func<T, string> describe)
    {
        stage.Complete(result);
        Observer.End(stage.Name, describe(result), alreadyDone: false);
        return result;
    }

    public static string Describe(Evaluation e) =>
        $"AR_u {e.ArUnlearned.Value:p1}, retained accuracy {e.RetainedAccuracy?.Value:p1}, Fréchet {e.Frechet?.Value:f2}"
        + (e.ObjectAccuracy is { } objects ? $", objects {objects.Value:p1}" : "");

    public void Dispose()
    {
        classifier?.Dispose();
        objects?.Dispose();
        subject?.Dispose();
    }

    private ClassifierResult TrainOrLoadClassifier()
    {
        var stage = Keys.Classifier();
        var identity = $"classifier-{stage.Key}";
        if (Bench.IsCanvas)
        {
            using var train = Bench.ByObject(Bench.ConditionedTrain);
            using var test = Bench.ByObject(Bench.ConditionedTest);
            TrainOrLoad(Keys.ObjectClassifier(), ref objects, train, test, "objects");
        }

        var result = TrainOrLoad(stage, ref classifier, Bench.Train, Bench.Test, identity);
        var generation = Bench.Generation with { Decode = Subject.Decode };
        evaluator ??= new Evaluator(Experiment, Bench, Subject, generation, new(classifier!, identity, objects), Cancel);
        return result;
    }

    private ClassifierResult TrainOrLoad(StageFolder stage, ref ImageClassifier? network, Dataset train, Dataset test, string identity)
    {
        var c = Experiment.Classifier;
        var config = new ClassifierConfig(train.ClassNames.Count, train.Channels, c.Widths, c.Blocks);
        using var generator = Bench.Seed.At("classifier/init").Generator();
        network ??= new ImageClassifier(config, Bench.Device, generator);
        if (stage.Done)
        {
            ModelFile.Read(stage.Model, network.Parameters);
            return Skip<ClassifierResult>(stage, Describe);
        }

        Observer.Begin(stage.Name, 0, c.Iterations);
        var settings = new ClassifierTrainingSettings(c.Iterations, c.BatchSize, c.Rate, Shift: c.Shift, Flip: Experiment.Data.Flip);
        ClassifierTraining.Train(network, train, settings, Bench.Seed.At("classifier"), Advance, Cancel);
        ModelFile.Write(stage.Model, network.Parameters, null, new Dictionary<string, string> { ["format"] = "dimum-classifier-1" });
        return Complete(stage, new ClassifierResult(identity, ClassifierTraining.Accuracy(network, test, identity)), Describe);

        void Advance(int step, double loss) => Observer.Advance(stage.Name, step, loss);
    }

    private static string Describe(ClassifierResult result) => $"test accuracy {result.TestAccuracy.Value:p1}";
}
