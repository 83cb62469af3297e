using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Metrics;
using TorchSharp;

namespace DiMum.Runs;

/// <summary>The classifiers that an experiment can measure with: the small one that every run trains, or ResNet-34.</summary>
internal static class Classifiers
{
    private const double ReleasedWeightDecay = 5e-4;
    private const int CheckpointEvery = 100; // of the small one, whose steps are a tenth of a second

    /// <summary>Trains the classifier of the record, or takes it as it is where its file has a head for these classes; writes it to the stage.</summary>
    public static IImageClassifier Train(
        Workbench bench,
        StageFolder stage,
        Dataset train,
        Action<int, double> onStep,
        CancellationToken cancel
    )
    {
        var (c, flip) = (bench.Experiment.Classifier, bench.Experiment.Data.Flip);
        var network = New(bench, train);
        if (network is ResNet34 resnet)
        {
            var ready = c.Weights is { } file && resnet.Load(file);
            var recipe = new ClassifierTrainingSettings(c.Iterations, c.BatchSize, c.Rate, ReleasedWeightDecay, Shift: 0, Flip: true);
            if (!ready)
                ResNetTraining.Train(resnet, train, recipe, bench.Seed.At("classifier"), onStep, cancel);
            resnet.Save(stage.Model);
            return resnet;
        }

        var small = (ImageClassifier)network;
        var settings = new ClassifierTrainingSettings(c.Iterations, c.BatchSize, c.Rate, Shift: c.Shift, Flip: flip);
        ClassifierTraining.Train(
            small,
            train,
            settings,
            bench.Seed.At("classifier"),
            onStep,
            cancel,
            new(stage.Checkpoint, CheckpointEvery)
        );
        ModelFile.Write(stage.Model, small.Parameters, null, new Dictionary<string, string> { ["format"] = "dimum-classifier-1" });
        return small;
    }

    /// <summary>The classifier that a finished stage left.</summary>
    public static IImageClassifier Load(Workbench bench, StageFolder stage, Dataset train)
    {
        var network = New(bench, train);
        if (network is ResNet34 resnet)
            resnet.Load(stage.Model);
        else
            ModelFile.Read(stage.Model, ((ImageClassifier)network).Parameters);
        return network;
    }

    /// <summary>What decides the classifier: its settings, with the content of a weights file in place of its path.</summary>
    public static ClassifierSettings KeyOf(ClassifierSettings settings) =>
        settings.Weights is { } path
            ? settings with
            {
                Weights = ContentHash.OfFile(path, "ResNet-34's weights (classifier.weights)"),
            }
            : settings;

    private static IImageClassifier New(Workbench bench, Dataset train)
    {
        var c = bench.Experiment.Classifier;
        var classes = train.ClassNames.Count;
        using var generator = bench.Seed.At("classifier/init").Generator();
        return c.Kind == ClassifierKind.Resnet34
            ? new ResNet34(classes, bench.Device, generator)
            : new ImageClassifier(new(classes, train.Channels, c.Widths, c.Blocks), bench.Device, generator);
    }
}
