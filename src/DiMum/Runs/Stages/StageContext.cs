using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Metrics;

namespace DiMum.Runs.Stages;

/// <summary>What every stage of a run is given: the bench, the folder its keys name, who watches, and what measures.</summary>
internal sealed class StageContext : IDisposable
{
    private readonly Lock gate = new();
    private IImageClassifier? classifier;
    private ClassifierResult? classified;
    private Evaluator? evaluator;

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
        $"AR_u {e.ArUnlearned.Value:p1}, retained accuracy {e.RetainedAccuracy?.Value:p1}, Fréchet {e.Frechet?.Value:f2}";

    /// <summary>How numbers name the classifier.</summary>
    public static string ClassifierIdentity(Workbench bench, StageFolder stage) =>
        bench.Experiment.Classifier.Kind == ClassifierKind.Resnet34 ? $"classifier-resnet34-{stage.Key}" : $"classifier-{stage.Key}";

    public void Dispose() => classifier?.Dispose();

    private ClassifierResult TrainOrLoadClassifier()
    {
        var e = Experiment;
        var stage = Keys.Classifier();
        if (DatasetSource.LawOf(e.Data.Name) is { } law)
            return TakeBayesRule(law);
        var identity = ClassifierIdentity(Bench, stage);
        var done = stage.Done;
        if (!done)
            Observer.Begin(stage.Name, 0, e.Classifier.Iterations);
        var network = done ? Classifiers.Load(Bench, stage) : Classifiers.Train(Bench, stage, Advance, Cancel);
        Use(network, identity);
        if (done)
            return Skip<ClassifierResult>(stage, Describe);
        var top1 = ClassifierTraining.Accuracy(network, Bench.Test, identity);
        var topK = ClassifierTraining.Accuracy(network, Bench.Test, identity, e.Classifier.TopK);
        return Complete(stage, new ClassifierResult(identity, top1, topK), Describe);

        void Advance(int step, double loss) => Observer.Advance(stage.Name, step, loss);
    }

    // Nothing to train: the data's law is known.
    private ClassifierResult TakeBayesRule(GaussianMixture law)
    {
        const string identity = "the mixture's Bayes rule, none beyond 4σ";
        var rule = new BayesClassifier(law);
        Use(rule, identity);
        Observer.Begin("classifier", 0, 1);
        var result = new ClassifierResult(
            identity,
            ClassifierTraining.Accuracy(rule, Bench.Test, identity),
            ClassifierTraining.Accuracy(rule, Bench.Test, identity, Experiment.Classifier.TopK)
        );
        Observer.End("classifier", Describe(result), alreadyDone: false);
        return result;
    }

    private void Use(IImageClassifier made, string identity)
    {
        classifier?.Dispose();
        classifier = made;
        evaluator = new Evaluator(Experiment, Bench.Classes, Bench.Generation, made, identity, Bench.Retain, Bench.Sheet, Cancel);
    }

    private static string Describe(ClassifierResult result) => $"test accuracy {result.TestAccuracy.Value:p1}";
}
