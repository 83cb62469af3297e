using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Metrics;
using DiMum.Runs.Subjects;

namespace DiMum.Runs.Stages;

/// <summary>What every stage of a run is given: the bench, the folder its keys name, who watches, and what measures.</summary>
internal sealed class StageContext : IDisposable
{
    private readonly Lock gate = new();
    private IImageClassifier? classifier;
    private IImageClassifier? objects;
    private ClassifierResult? classified;
    private Evaluator? evaluator;
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

    /// <summary>How numbers name the classifier.</summary>
    public static string ClassifierIdentity(Workbench bench, StageFolder stage) =>
        bench.Brought is not null ? $"vit-{stage.Key}"
        : bench.Experiment.Classifier.Kind == ClassifierKind.Resnet34 ? $"classifier-resnet34-{stage.Key}"
        : $"classifier-{stage.Key}";

    public void Dispose()
    {
        classifier?.Dispose();
        objects?.Dispose();
        subject?.Dispose();
    }

    private ClassifierResult TrainOrLoadClassifier()
    {
        if (DatasetSource.LawOf(Experiment.Data.Name) is { } law)
            return TakeBayesRule(law);
        if (Bench.Brought is { } brought)
            return TakeBrought(brought);
        if (Bench.Labels is { } labels)
        {
            using var train = labels.ByObject(Bench.ConditionedTrain);
            using var test = labels.ByObject(Bench.ConditionedTest);
            objects ??= TrainOrLoad(Keys.ObjectClassifier(), train, test).Network;
        }

        var stage = Keys.Classifier();
        var (network, result) = TrainOrLoad(stage, Bench.Train, Bench.Test);
        Use(network, ClassifierIdentity(Bench, stage));
        return result;
    }

    private (IImageClassifier Network, ClassifierResult Result) TrainOrLoad(StageFolder stage, Dataset train, Dataset test)
    {
        if (stage.Done)
            return (Classifiers.Load(Bench, stage, train), Skip<ClassifierResult>(stage, Describe));
        var identity = ClassifierIdentity(Bench, stage);
        Observer.Begin(stage.Name, 0, Experiment.Classifier.Iterations);
        var network = Classifiers.Train(Bench, stage, train, (step, loss) => Observer.Advance(stage.Name, step, loss), Cancel);
        return (network, Complete(stage, Measure(network, test, identity), Describe));
    }

    // The released classifiers; what is kept is their accuracy on the test split.
    private ClassifierResult TakeBrought(BroughtModel brought)
    {
        var stage = Keys.Classifier();
        var identity = ClassifierIdentity(Bench, stage);
        objects = brought.ObjectClassifier(Bench.Device);
        var styles = brought.StyleClassifier(Bench.Device);
        Use(styles, identity);
        if (stage.Done)
            return Skip<ClassifierResult>(stage, Describe);
        Observer.Begin(stage.Name, 0, 1);
        return Complete(stage, Measure(styles, Bench.Test, identity), Describe);
    }

    private ClassifierResult Measure(IImageClassifier network, Dataset test, string identity) =>
        new(
            identity,
            ClassifierTraining.Accuracy(network, test, identity),
            ClassifierTraining.Accuracy(network, test, identity, Experiment.Classifier.TopK)
        );

    // Nothing to train: the data's law is known.
    private ClassifierResult TakeBayesRule(GaussianMixture law)
    {
        const string identity = "the mixture's Bayes rule, none beyond 4σ";
        var rule = new BayesClassifier(law);
        Use(rule, identity);
        Observer.Begin("classifier", 0, 1);
        var result = Measure(rule, Bench.Test, identity);
        Observer.End("classifier", Describe(result), alreadyDone: false);
        return result;
    }

    private void Use(IImageClassifier made, string identity)
    {
        classifier?.Dispose();
        classifier = made;
        evaluator = new Evaluator(Bench, Subject, new(made, identity, objects), Cancel);
    }

    private static string Describe(ClassifierResult result) => $"test accuracy {result.TestAccuracy.Value:p1}";
}
