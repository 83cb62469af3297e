using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Metrics;
using MathNet.Numerics.LinearAlgebra;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>The classes an experiment is about.</summary>
internal sealed record Classes(IReadOnlyList<string> Names, int Unlearned, IReadOnlyList<int> Alternative)
{
    public IReadOnlyList<int> Retained { get; } = [.. Enumerable.Range(0, Names.Count).Where(c => c != Unlearned)];

    public IReadOnlySet<int> UnlearnedSet { get; } = new HashSet<int> { Unlearned };

    public IReadOnlySet<int> AlternativeSet { get; } = Alternative.ToHashSet();

    public static Classes Of(UnlearnSettings settings, IReadOnlyList<string> names)
    {
        var unlearned = Find(settings.Class, names, "unlearn.class");
        int[] alternative = settings.Alternative is ["next"]
            ? [(unlearned + 1) % names.Count]
            : [.. settings.Alternative.Select(a => Find(a, names, "unlearn.alternative")).Distinct()];
        if (alternative.Contains(unlearned))
            throw new UserError($"unlearn.alternative names '{names[unlearned]}', the class to be unlearned; name another");
        return new(names, unlearned, alternative);
    }

    public static int Find(string name, IReadOnlyList<string> names, string key)
    {
        var index = names.ToList().FindIndex(n => n.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (index < 0 && int.TryParse(name, out var number) && number >= 0 && number < names.Count)
            index = number;
        if (index >= 0)
            return index;
        var nearest = Nearest.Of(name, names);
        throw new UserError(
            $"{key}: no class '{name}'; "
                + (nearest is null ? "" : $"did you mean '{nearest}'? ")
                + $"classes are {string.Join(", ", names)}"
        );
    }
}

/// <summary>Measures a model: generates images, classifies them, compares features. Same start noise for every model (common random numbers).</summary>
internal sealed class Evaluator(
    Experiment experiment,
    Classes classes,
    Generation generation,
    IImageClassifier classifier,
    string classifierIdentity,
    Dataset retain,
    SampleSheet sheet,
    CancellationToken cancel
)
{
    private const int JackknifeGroups = 20;
    private const int SheetPixels = 32;
    private readonly Seed seed = SeedOf(experiment);
    private readonly Lock gate = new();
    private Frechet? reference;

    /// <summary>AR of the unlearned class, its samples as a strip; with <paramref name="full"/> also retained accuracy, Fréchet distance and a grid of all classes.</summary>
    public Evaluation Evaluate(IDenoiser model, StageFolder stage, int step, bool full)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var of = $"{stage.Name}-{stage.Key} step {step}; {generation}; seed {experiment.Seed}";
        var unlearned = Generate(model, Unlearned(experiment.Evaluate.Images), "unlearned");
        var predicted = ClassifierTraining.Predict(classifier, unlearned);
        var strip = $"strip-{step:D7}.png";
        var count = Math.Min(predicted.Length, 2 * experiment.Evaluate.GridColumns);
        sheet.Write(unlearned, Unlearned(predicted.Length), count, SheetPixels, stage.File(strip));
        var ar = Rate(predicted, p => p == classes.Unlearned, "AR of the unlearned class", of);
        var alternative = Rate(predicted, p => classes.AlternativeSet.Contains((int)p), "AR of the alternative", of);
        if (!full)
            return new(step, ar, alternative, null, null, null, stage.Relative(strip));
        var (accuracy, frechet, retained, asked) = Retained(model, of);
        var grid = $"grid-{step:D7}.png";
        sheet.Write(
            cat([unlearned, retained]),
            [.. Unlearned(predicted.Length), .. asked],
            experiment.Evaluate.GridColumns,
            SheetPixels,
            stage.File(grid)
        );
        return new(step, ar, alternative, accuracy, frechet, stage.Relative(grid), stage.Relative(strip));
    }

    /// <summary>Images of the retained classes in turn, [N,C,H,W], and their classes: what accuracy and Fréchet distance rest on.</summary>
    public static (Tensor Images, long[] Asked) RetainedImages(
        Experiment experiment,
        Classes classes,
        Generation generation,
        (int C, int H, int W) shape,
        IDenoiser model,
        CancellationToken cancel
    )
    {
        var retained = classes.Retained;
        var asked = Enumerable.Range(0, experiment.Evaluate.RetainedImages).Select(i => (long)retained[i % retained.Count]).ToArray();
        return (generation.Images(model, asked, shape, SeedOf(experiment).At("retained"), cancel), asked);
    }

    private static Seed SeedOf(Experiment experiment) => new Seed(experiment.Seed).At("evaluate");

    private (int C, int H, int W) ImageShape => (retain.Channels, retain.Height, retain.Width);

    private long[] Unlearned(int count) => [.. Enumerable.Repeat((long)classes.Unlearned, count)];

    private Measured Rate(long[] predicted, Func<long, bool> hit, string what, string of) =>
        AccuracyRate.Of(predicted.LongCount(hit), predicted.Length, $"{what} ({classifierIdentity}; exact Clopper–Pearson 95 %)", of);

    private (Measured Accuracy, Measured Frechet, Tensor Images, long[] Asked) Retained(IDenoiser model, string of)
    {
        var (images, asked) = RetainedImages(experiment, classes, generation, ImageShape, model, cancel);
        var predicted = ClassifierTraining.Predict(classifier, images);
        var right = predicted.Zip(asked).LongCount(pair => pair.First == pair.Second);
        var accuracy = AccuracyRate.Of(
            right,
            asked.Length,
            $"retained-class accuracy ({classifierIdentity}; exact Clopper–Pearson 95 %)",
            of
        );
        var metric =
            $"Fréchet distance, features of {classifierIdentity}, against {retain.Count} images of {retain.Name} (not FID; jackknife 95 %)";
        return (accuracy, Reference().To(Groups(images), metric, of), images, asked);
    }

    private Frechet Reference()
    {
        lock (gate)
            return reference ??= MakeReference();
    }

    private Frechet MakeReference()
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var moments = new FeatureMoments(classifier.FeatureCount);
        for (long from = 0; from < retain.Count; from += 2000)
            foreach (
                var rows in ClassifierTraining.Features(
                    classifier,
                    Dataset.ToModel(retain.Images.narrow(0, from, Math.Min(2000, retain.Count - from)))
                )
            )
                moments.Add(Matrix<double>.Build.DenseOfArray(rows));
        return new Frechet(moments);
    }

    // Image i belongs to group i mod G, so every group holds every class alike.
    private List<FeatureMoments> Groups(Tensor images)
    {
        var groups = Enumerable.Range(0, JackknifeGroups).Select(_ => new FeatureMoments(classifier.FeatureCount)).ToList();
        var all = Matrix<double>.Build.DenseOfRowArrays(ClassifierTraining.Features(classifier, images).SelectMany(RowsOf).ToArray());
        for (var g = 0; g < JackknifeGroups; g++)
        {
            var rows = Enumerable
                .Range(0, all.RowCount)
                .Where(i => i / classes.Retained.Count % JackknifeGroups == g)
                .Select(i => all.Row(i))
                .ToList();
            if (rows.Count > 0)
                groups[g].Add(Matrix<double>.Build.DenseOfRowVectors(rows));
        }

        return [.. groups.Where(g => g.Count > 0)];
    }

    private static IEnumerable<double[]> RowsOf(double[,] block) =>
        Enumerable.Range(0, block.GetLength(0)).Select(i => Enumerable.Range(0, block.GetLength(1)).Select(j => block[i, j]).ToArray());

    private Tensor Generate(IDenoiser model, long[] conditions, string purpose) =>
        generation.Images(model, conditions, ImageShape, seed.At(purpose), cancel);
}
