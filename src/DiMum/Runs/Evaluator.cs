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

/// <summary>The networks that measure.</summary>
/// <param name="Classes">Of classes, or of styles.</param>
/// <param name="Identity">Of that one.</param>
/// <param name="Objects">Of objects; null where conditions have none.</param>
internal sealed record MeasuringNetworks(IImageClassifier Classes, string Identity, IImageClassifier? Objects);

/// <summary>Measures a model: generates images, classifies them, compares features. Same start noise for every model (common random numbers).</summary>
internal sealed class Evaluator(Workbench bench, ISubject subject, MeasuringNetworks by, CancellationToken cancel)
{
    private const int JackknifeGroups = 20;
    private const int SheetPixels = 32;
    private readonly Experiment experiment = bench.Experiment;
    private readonly Classes classes = bench.Classes;
    private readonly Dataset retain = bench.Retain;
    private readonly int topK = bench.Measuring?.TopK ?? (bench.IsCanvas ? bench.Experiment.Canvas.TopK : 1);
    private readonly Lock gate = new();
    private Frechet? reference;

    /// <summary>AR of the unlearned class, its samples as a strip; with <paramref name="full"/> also retained accuracy, Fréchet distance and a grid of all classes.</summary>
    public Evaluation Evaluate(IDenoiser model, StageFolder stage, int step, bool full)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var of = $"{stage.Name}-{stage.Key} step {step}; {bench.Generation}; seed {experiment.Seed}";
        var unlearned = Seen(Generate(bench, subject, model, Unlearned(experiment.Evaluate.Images), "unlearned", cancel));
        var best = ClassifierTraining.Best(by.Classes, unlearned, topK);
        var strip = $"strip-{step:D7}.png";
        var count = Math.Min(best.Length, 2 * experiment.Evaluate.GridColumns);
        bench.Sheet.Write(unlearned, Unlearned(best.Length), count, SheetPixels, stage.File(strip));
        var ar = Rate(best, p => p == classes.Unlearned, "AR of the unlearned class", of);
        var alternative = Rate(best, p => classes.AlternativeSet.Contains((int)p), "AR of the alternative", of);
        if (!full)
            return new(step, ar, alternative, null, null, null, stage.Relative(strip));
        var (generated, asked) = RetainedImages(bench, subject, model, cancel);
        var retained = Seen(generated);
        var grid = $"grid-{step:D7}.png";
        bench.Sheet.Write(
            cat([unlearned, retained]),
            [.. Unlearned(best.Length), .. asked],
            experiment.Evaluate.GridColumns,
            SheetPixels,
            stage.File(grid)
        );
        return new(
            step,
            ar,
            alternative,
            Right(by.Classes, retained, asked, $"retained-class accuracy ({by.Identity}; exact Clopper–Pearson 95 %)", of),
            Distance(retained, of),
            stage.Relative(grid),
            stage.Relative(strip),
            by.Objects is null
                ? null
                : Right(
                    by.Objects,
                    retained,
                    [.. Conditions(subject, asked).Select(c => c % bench.Objects)],
                    "object accuracy under retained prompts (exact Clopper–Pearson 95 %)",
                    of
                )
        );
    }

    /// <summary>Images of the retained classes in turn, [N,C,H,W], and their classes: what accuracy and Fréchet distance rest on.</summary>
    public static (Tensor Images, long[] Asked) RetainedImages(Workbench bench, ISubject subject, IDenoiser model, CancellationToken cancel)
    {
        var retained = bench.Classes.Retained;
        var asked = Enumerable.Range(0, bench.Experiment.Evaluate.RetainedImages).Select(i => (long)retained[i % retained.Count]).ToArray();
        return (Generate(bench, subject, model, asked, "retained", cancel), asked);
    }

    private static Tensor Generate(
        Workbench bench,
        ISubject subject,
        IDenoiser model,
        long[] asked,
        string purpose,
        CancellationToken cancel
    ) =>
        (bench.Generation with { Decode = subject.Decode }).Images(
            model,
            Conditions(subject, asked),
            subject.Shape,
            bench.Seed.At("evaluate").At(purpose),
            cancel
        );

    // The conditions of a class in turn.
    private static long[] Conditions(ISubject subject, long[] asked)
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

    private Tensor Seen(Tensor images) => bench.Measuring is { } other ? other.Change(images) : images;

    private long[] Unlearned(int count) => [.. Enumerable.Repeat((long)classes.Unlearned, count)];

    // A hit is a label among the k best guesses: 1, but 3 for styles in the paper.
    private Measured Rate(long[][] best, Func<long, bool> hit, string what, string of) =>
        AccuracyRate.Of(
            best.LongCount(b => b.Any(hit)),
            best.Length,
            $"{what}{(topK > 1 ? $", top-{topK}" : "")} ({by.Identity}; exact Clopper–Pearson 95 %)",
            of
        );

    private static Measured Right(IImageClassifier classifier, Tensor images, long[] asked, string what, string of) =>
        AccuracyRate.Of(
            ClassifierTraining.Predict(classifier, images).Zip(asked).LongCount(pair => pair.First == pair.Second),
            asked.Length,
            what,
            of
        );

    private Measured Distance(Tensor images, string of)
    {
        var metric =
            $"Fréchet distance, features of {by.Identity}, against {retain.Count} images of {retain.Name} (not FID; jackknife 95 %)";
        return Reference().To(Groups(images), metric, of);
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
        var moments = new FeatureMoments(by.Classes.FeatureCount);
        for (long from = 0; from < retain.Count; from += 2000)
            foreach (
                var rows in ClassifierTraining.Features(
                    by.Classes,
                    Dataset.ToModel(retain.Images.narrow(0, from, Math.Min(2000, retain.Count - from)))
                )
            )
                moments.Add(Matrix<double>.Build.DenseOfArray(rows));
        return new Frechet(moments);
    }

    // A round of images is of every class, or of every condition where there are two such rounds; round r belongs to group r mod G.
    private List<FeatureMoments> Groups(Tensor images)
    {
        var groups = Enumerable.Range(0, JackknifeGroups).Select(_ => new FeatureMoments(by.Classes.FeatureCount)).ToList();
        var conditions = classes.Retained.Count * bench.Objects;
        var round = images.shape[0] >= 2 * conditions ? conditions : classes.Retained.Count;
        var all = Matrix<double>.Build.DenseOfRowArrays(ClassifierTraining.Features(by.Classes, images).SelectMany(RowsOf).ToArray());
        for (var g = 0; g < JackknifeGroups; g++)
        {
            var rows = Enumerable.Range(0, all.RowCount).Where(i => i / round % JackknifeGroups == g).Select(i => all.Row(i)).ToList();
            if (rows.Count > 0)
                groups[g].Add(Matrix<double>.Build.DenseOfRowVectors(rows));
        }

        return [.. groups.Where(g => g.Count > 0)];
    }

    private static IEnumerable<double[]> RowsOf(double[,] block) =>
        Enumerable.Range(0, block.GetLength(0)).Select(i => Enumerable.Range(0, block.GetLength(1)).Select(j => block[i, j]).ToArray());
}
