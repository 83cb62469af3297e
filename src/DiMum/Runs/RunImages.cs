using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Metrics.Inception;
using DiMum.Runs.Stages;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>A run folder as a set of images: what one of its models draws of the retained classes, or its real images of them.</summary>
internal static class RunImages
{
    private const string Pretrained = "pre-trained";

    /// <summary>Whether a path is a run folder.</summary>
    public static bool IsRun(string path) => File.Exists(Path.Combine(path, "experiment.yaml"));

    /// <summary>The retain set, real.</summary>
    public static ImageSet Retain(string folder) =>
        Open(
            folder,
            (bench, _) =>
                new TensorImageSet($"{Path.GetFullPath(folder)}: {bench.Retain.Name}", bench.Retain.Images, bench.Retain.LabelArray())
        );

    /// <summary>The images that the run's own evaluation rests retained accuracy and Fréchet distance on, as bytes.</summary>
    /// <param name="folder">The run.</param>
    /// <param name="model">A method's label; null for the pre-trained model.</param>
    /// <param name="cancel">Stops between batches.</param>
    /// <exception cref="UserError">The run has no such method, or has not finished it.</exception>
    public static ImageSet Samples(string folder, string? model, CancellationToken cancel) =>
        Open(
            folder,
            (bench, keys) =>
            {
                var (file, average) = Weights(bench, keys, folder, model);
                using var scope = NewDisposeScope();
                using var context = new StageContext(bench, Path.GetFullPath(folder), new SilentObserver(), cancel);
                using var network = context.Subject.NewNetwork("checkpoint/init");
                ModelFile.Read(file, network.Parameters, average);
                var (images, asked) = Evaluator.RetainedImages(bench, context.Subject, network, cancel);
                return new TensorImageSet(
                    $"{Path.GetFullPath(folder)}: {asked.Length} images of {model ?? Pretrained}, retained classes, {bench.Generation}",
                    Pixels.ToBytes(images),
                    asked
                );
            }
        );

    /// <summary>The run's classifier.</summary>
    /// <exception cref="UserError">It has not been trained yet.</exception>
    public static IFeatureNetwork Classifier(string folder) =>
        Open(
            folder,
            (bench, keys) =>
            {
                var stage = keys.Classifier();
                if (!stage.Done)
                    throw NotDone(folder, stage);
                var classifier = bench.Brought?.StyleClassifier(bench.Device) ?? Classifiers.Load(bench, stage, bench.Train);
                return (IFeatureNetwork)
                    new ClassifierNetwork(
                        classifier,
                        StageContext.ClassifierIdentity(bench, stage),
                        bench.Train.Channels,
                        bench.Train.Height
                    );
            }
        );

    private static (string File, bool Average) Weights(Workbench bench, StageKeys keys, string folder, string? model)
    {
        var settings = model is null or Pretrained ? null : bench.Experiment.MethodOf(model);
        var stage = settings is null ? keys.Pretrain() : keys.Unlearn(settings);
        if (!stage.Done)
            throw NotDone(folder, stage);
        return (stage.Model, settings is null && bench.Experiment.Unlearn.Start == StartWeights.Ema);
    }

    private static UserError NotDone(string folder, StageFolder stage) =>
        new(
            $"{Path.GetFullPath(folder)}: stage {stage.Name}-{stage.Key} is not finished there; dimum run {folder}/experiment.yaml --out {folder} goes on with it"
        );

    // A bench sets libtorch's threads to its experiment's, which are no business of the comparison.
    private static T Open<T>(string folder, Func<Workbench, StageKeys, T> read)
    {
        if (!IsRun(folder))
            throw new UserError($"{Path.GetFullPath(folder)}: not a run folder, it has no experiment.yaml");
        var threads = get_num_threads();
        try
        {
            using var bench = new Workbench(Presets.Load(Path.Combine(folder, "experiment.yaml"), []));
            return read(bench, new StageKeys(bench, Path.GetFullPath(folder)));
        }
        finally
        {
            set_num_threads(threads);
        }
    }
}
