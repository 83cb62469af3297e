using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Metrics;
using DiMum.Runs.Subjects;
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
    Workbench bench,
    ISubject subject,
    Generation generation,
    Classifiers by,
    CancellationToken cancel
)
{
    private const int JackknifeGroups = 20;
    private readonly Seed seed = new Seed(experiment.Seed).At("evaluate");
    private readonly Lock gate = new();
    private readonly int topK = bench.IsCanvas ? experiment.Canvas.TopK : 1;
    private Frechet? reference;

    private readonly Classes classes = bench.Classes;
    private readonly Dataset retain = bench.Retain;
    private readonly ImageClassifier classifier = by.Classes;
    private readonly string classifierIdentity = by.Identity;

    /// <summary>AR of the unlearned class, its samples as a strip; with <paramref name="full"/> also retained accuracy, Fréchet distance and a grid of all classes.</summary>
    public Evaluation Evaluate(IDenoiser model, StageFolder stage, int step, bool full)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var of = $"{stage.Name}-{stage.Key} step {step}; {generation}; seed {experiment.Seed}";
        var unlearned = Generate(model, Enumerable.Repeat((long)classes.Unlearned, experiment.Evaluate.Images).ToArray(), "unlearned");
        var best = ClassifierTraining.Best(classifier, unlearned, topK);
        var strip = $"strip-{step:D7}.png";
        var count = Math.Min(unlearned.shape[0], 2 * experiment.Evaluate.GridColumns);
        ImageWriter.Grid(Pixels.ToBytes(unlearned.narrow(0, 0, count)), (int)count, Scale, stage.File(strip));
        var ar = Rate(best, p => p == classes.Unlearned, "AR of the unlearned class", of);
        var alternative = Rate(best, p => classes.AlternativeSet.Contains((int)p), "AR of the alternative", of);
        if (!full)
            return new(step, ar, alternative, null, null, null, stage.Relative(strip));
        var (accuracy, frechet, retained, asked) = Retained(model, of);
        var objects = by.Objects is null ? null : ObjectAccuracy(retained, asked, of);
        var grid = $"grid-{step:D7}.png";
        Grid(unlearned, retained, asked, stage.File(grid));
        return new(step, ar, alternative, accuracy, frechet, stage.Relative(grid), stage.Relative(strip), objects);
    }

    private int Scale => Math.Max(1, 32 / retain.Height);

    // A hit is a label among the k best guesses: 1, but 3 for styles in the paper.
    private Measured Rate(long[][] best, Func<long, bool> hit, string what, string of) =>
        AccuracyRate.Of(
            best.LongCount(b => b.Any(hit)),
            best.Length,
            $"{what}{(topK > 1 ? $", top-{topK}" : "")} ({classifierIdentity}; exact Clopper–Pearson 95 %)",
            of
        );

    private (Measured Accuracy, Measured Frechet, Tensor Images, long[] Asked) Retained(IDenoiser model, string of)
    {
        var asked = Enumerable
            .Range(0, experiment.Evaluate.RetainedImages)
            .Select(i => (long)classes.Retained[i % classes.Retained.Count])
            .ToArray();
        var images = Generate(model, asked, "retained");
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
                    Pixels.ToModel(retain.Images.narrow(0, from, Math.Min(2000, retain.Count - from)))
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

    private void Grid(Tensor unlearned, Tensor retained, long[] asked, string path)
    {
        var columns = experiment.Evaluate.GridColumns;
        var rows = new List<Tensor>();
        for (var c = 0; c < classes.Names.Count; c++)
        {
            if (c == classes.Unlearned)
                rows.Add(unlearned.narrow(0, 0, Math.Min(columns, unlearned.shape[0])));
            else
                rows.AddRange(
                    Enumerable.Range(0, asked.Length).Where(i => asked[i] == c).Take(columns).Select(i => retained.narrow(0, i, 1))
                );
        }

        ImageWriter.Grid(Pixels.ToBytes(cat(rows)), columns, Scale, path);
    }

    // The objects of a class in turn.
    private long[] Conditions(long[] asked)
    {
        var seen = new Dictionary<long, int>();
        return
        [
            .. asked.Select(c =>
            {
                var n = seen.GetValueOrDefault(c);
                seen[c] = n + 1;
                return (long)subject.Condition((int)c, n);
            }),
        ];
    }

    private Measured ObjectAccuracy(Tensor images, long[] asked, string of)
    {
        var predicted = ClassifierTraining.Predict(by.Objects!, images);
        var right = predicted.Zip(Conditions(asked)).LongCount(pair => pair.First == pair.Second % bench.Objects);
        return AccuracyRate.Of(right, asked.Length, "object accuracy under retained prompts (exact Clopper–Pearson 95 %)", of);
    }

    private Tensor Generate(IDenoiser model, long[] conditions, string purpose) =>
        generation.Images(model, Conditions(conditions), subject.Shape, seed.At(purpose), cancel);
}

/// <summary>The networks that measure.</summary>
/// <param name="Classes">Of classes, or of styles.</param>
/// <param name="Identity">Of that one.</param>
/// <param name="Objects">Of objects; null where conditions have none.</param>
internal sealed record Classifiers(ImageClassifier Classes, string Identity, ImageClassifier? Objects);
