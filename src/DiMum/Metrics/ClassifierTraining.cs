using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Optimization;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Metrics;

/// <summary>How the classifier is trained.</summary>
/// <param name="Iterations">Steps.</param>
/// <param name="BatchSize">B.</param>
/// <param name="Rate">Peak lr; warms up over 5 % of the steps and falls by half a cosine.</param>
/// <param name="WeightDecay">Decoupled, per step: θ ← θ·(1 − lr·wd).</param>
/// <param name="Shift">Random translation by up to this many pixels.</param>
/// <param name="Flip">Random horizontal mirroring.</param>
public sealed record ClassifierTrainingSettings(
    int Iterations,
    int BatchSize,
    double Rate,
    double WeightDecay = 0.01,
    int Shift = 1,
    bool Flip = false
);

/// <summary>Cross-entropy training of <see cref="ImageClassifier"/> with shifts and flips, and its accuracy.</summary>
public static class ClassifierTraining
{
    /// <summary>Trains in place; <paramref name="onStep"/> sees (steps done, loss).</summary>
    /// <param name="checkpoint">Where it goes on from; null starts over.</param>
    public static void Train(
        ImageClassifier classifier,
        Dataset train,
        ClassifierTrainingSettings settings,
        Seed seed,
        Action<int, double>? onStep = null,
        CancellationToken cancel = default,
        FittingCheckpoint? checkpoint = null
    )
    {
        using var adam = new Adam(classifier.Parameters, new AdamSettings(DecoupledDecay: settings.WeightDecay));
        var rate = Fitting.Course(settings.Rate, settings.Iterations);
        void Apply(int step)
        {
            GradientTransform.Clip(classifier.Parameters.Gradient, 1);
            adam.Step(rate.At(step, settings.Iterations));
        }

        var loss = CrossEntropy(x => classifier.Forward(x).Logits, train, settings, seed);
        Fitting.Run([new(classifier.Parameters, adam)], settings.Iterations, loss, Apply, onStep, cancel, checkpoint);
    }

    /// <summary>The loss of each step over shuffled, augmented batches.</summary>
    /// <param name="logits">[B,K] of images [B,C,H,W], in training mode.</param>
    /// <param name="train">The images.</param>
    /// <param name="settings">Batch size and augmentation.</param>
    /// <param name="seed">Of order and augmentation.</param>
    internal static Func<int, Tensor> CrossEntropy(
        Func<Tensor, Tensor> logits,
        Dataset train,
        ClassifierTrainingSettings settings,
        Seed seed
    )
    {
        var reader = Pairing.Train(train).Read(seed);
        return step =>
        {
            var (bytes, labels) = reader.Batch(step, settings.BatchSize);
            using var generator = seed.At("augment", step).Generator();
            var images = Augment(Pixels.ToModel(bytes), settings, generator);
            return functional.cross_entropy(logits(images), labels);
        };
    }

    /// <summary>Predicted labels, int64 [N], of float images [N,C,H,W] in [−1, 1].</summary>
    public static long[] Predict(IImageClassifier classifier, Tensor images, int batch = 500) =>
        Batches(images, batch, x => classifier.Forward(x).Logits.argmax(1).cpu().data<long>().ToArray()).SelectMany(p => p).ToArray();

    /// <summary>The k best labels of each of float images [N,C,H,W] in [−1, 1], best first.</summary>
    public static long[][] Best(IImageClassifier classifier, Tensor images, int k, int batch = 500) =>
        [
            .. Batches(images, batch, x => classifier.Forward(x).Logits.topk(k, 1).indexes.contiguous().cpu().data<long>().ToArray())
                .SelectMany(best => best.Chunk(k)),
        ];

    /// <summary>Features of float images as float64 rows, batch by batch: [b,d] each.</summary>
    public static IEnumerable<double[,]> Features(IImageClassifier classifier, Tensor images, int batch = 500) =>
        Batches(images, batch, x => Rows(classifier.Forward(x).Features));

    /// <summary>Share of <paramref name="test"/> whose label is among the k likeliest, exact interval.</summary>
    public static Measured Accuracy(IImageClassifier classifier, Dataset test, string identity, int k = 1)
    {
        using var images = Dataset.ToModel(test.Images);
        var right = AmongFirst(classifier, images, test.LabelArray(), k);
        var name = k == 1 ? "classifier accuracy" : $"classifier top-{k} accuracy";
        return AccuracyRate.Of(right, test.Count, $"{name}, exact Clopper–Pearson", $"{identity} on {test.Name}");
    }

    /// <summary>How many images have their label among the k likeliest.</summary>
    /// <param name="classifier">The classifier.</param>
    /// <param name="images">[N,C,H,W] in [−1, 1].</param>
    /// <param name="labels">N labels.</param>
    /// <param name="k">1 for the likeliest alone; at most the number of classes counts.</param>
    /// <param name="batch">Images at once.</param>
    public static long AmongFirst(IImageClassifier classifier, Tensor images, long[] labels, int k, int batch = 500)
    {
        using var asked = tensor(labels, ScalarType.Int64, images.device);
        long done = 0;
        long Right(Tensor x)
        {
            var logits = classifier.Forward(x).Logits; // [b,K]
            var wanted = asked.narrow(0, done, x.shape[0]);
            done += x.shape[0];
            return AccuracyRate.Hits(logits, wanted, (int)Math.Min(k, logits.shape[1]));
        }

        return Batches(images, batch, Right).Sum();
    }

    private static Tensor Augment(Tensor x, ClassifierTrainingSettings settings, Generator generator)
    {
        var size = (int)x.shape[0];
        if (settings.Flip)
            x = Pixels.FlipWhere(x, rand(size, generator: generator).lt(0.5).to(x.device));
        if (settings.Shift == 0)
            return x;
        var (h, w, s) = (x.shape[2], x.shape[3], (long)settings.Shift);
        var padded = functional.pad(x, [s, s, s, s], PaddingModes.Constant, -1); // background is black, −1
        var offsets = randint(0, 2 * s + 1, [2, size], ScalarType.Int64, generator: generator).to(x.device);
        var rows = (offsets[0].unsqueeze(1) + arange(h, ScalarType.Int64, x.device).unsqueeze(0))
            .view(size, 1, h, 1)
            .expand(size, x.shape[1], h, w + 2 * s);
        var columns = (offsets[1].unsqueeze(1) + arange(w, ScalarType.Int64, x.device).unsqueeze(0))
            .view(size, 1, 1, w)
            .expand(size, x.shape[1], h, w);
        return padded.gather(2, rows).gather(3, columns);
    }

    private static IEnumerable<T> Batches<T>(Tensor images, int batch, Func<Tensor, T> read)
    {
        for (long from = 0; from < images.shape[0]; from += batch)
        {
            using var none = no_grad();
            using var scope = NewDisposeScope();
            yield return read(images.narrow(0, from, Math.Min(batch, images.shape[0] - from)));
        }
    }

    private static double[,] Rows(Tensor features)
    {
        var rows = (int)features.shape[0];
        var columns = (int)features.shape[1];
        var flat = features.to(ScalarType.Float64).cpu().contiguous().data<double>().ToArray();
        var result = new double[rows, columns];
        Buffer.BlockCopy(flat, 0, result, 0, flat.Length * sizeof(double));
        return result;
    }
}
