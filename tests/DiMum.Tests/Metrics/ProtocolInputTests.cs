using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Metrics;
using DiMum.Metrics.Inception;
using DiMum.Tests.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Tests.Metrics;

/// <summary>How images reach a feature network, and what a pass over them and a comparison of two sets leave.</summary>
[NonParallelizable]
public class ProtocolInputTests
{
    private static Tensor Bytes(int seed, params long[] shape)
    {
        using var generator = new Generator((ulong)seed, CPU);
        return randint(0, 256, shape, ScalarType.Byte, generator: generator);
    }

    private static double Apart(Tensor a, Tensor b) => (a - b).abs().max().item<float>();

    private static Tensor Bilinear(Tensor x, long side) =>
        functional.interpolate(x, [side, side], mode: InterpolationMode.Bilinear, align_corners: false);

    // out(i,j) at input (i·H/299, j·W/299), between the four pixels around it; beyond the last one there is only itself.
    private static Tensor TensorFlow(Tensor x)
    {
        var (h, w) = ((int)x.shape[2], (int)x.shape[3]);
        var source = x.data<float>().ToArray();
        var result = new float[x.shape[0] * x.shape[1] * 299 * 299];
        for (var plane = 0; plane < x.shape[0] * x.shape[1]; plane++)
        for (var i = 0; i < 299; i++)
        for (var j = 0; j < 299; j++)
        {
            double At(int y, int column) => source[(plane * h + Math.Min(y, h - 1)) * w + Math.Min(column, w - 1)];
            var (y, column) = (i * h / 299.0, j * w / 299.0);
            var (y0, x0) = ((int)y, (int)column);
            var (dy, dx) = (y - y0, column - x0);
            result[(plane * 299 + i) * 299 + j] = (float)(
                (1 - dy) * ((1 - dx) * At(y0, x0) + dx * At(y0, x0 + 1)) + dy * ((1 - dx) * At(y0 + 1, x0) + dx * At(y0 + 1, x0 + 1))
            );
        }

        return tensor(result, [x.shape[0], x.shape[1], 299, 299]);
    }

    [Test]
    public void TensorFlow_s_resize_mixes_the_four_pixels_around()
    {
        using var scope = NewDisposeScope();
        var x = Bytes(1, 2, 3, 5, 7).to(ScalarType.Float32);
        Assert.That(Apart(InceptionInput.TensorFlow(x), TensorFlow(x)), Is.LessThan(1e-3), "of 255");
    }

    [Test]
    public void Every_protocol_prepares_as_it_says()
    {
        using var scope = NewDisposeScope();
        var bytes = Bytes(2, 2, 3, 6, 6).div(2, RoundingMode.floor).add(40).to(ScalarType.Byte); // no image fills its range
        var unit = bytes.to(ScalarType.Float32) / 255;
        var low = unit.amin([1, 2, 3], keepdim: true);
        var stretched = ((unit - low) / (unit.amax([1, 2, 3], keepdim: true) - low) * 255).round();
        Tensor Clean(Tensor x) => Bilinear(x, 299) * 2 - 1;
        EvaluationProtocol Named(string name) => EvaluationProtocol.All.Concat(EvaluationProtocol.Steps).Single(p => p.Name == name);
        void Same(string name, Tensor expected, double within = 1e-5) =>
            Assert.That(Apart(Named(name).Prepare(bytes), expected), Is.LessThan(within), name);

        Same("clean", Clean(unit));
        Same("stretched", Clean(stretched / 255));
        Same("bgr", Clean(unit.flip(1)));
        Same("500-a-class", Clean(unit));
        Same("as-released", (TensorFlow(stretched.flip(1)) - 128) / 128);
        var twice = Clean(Bilinear(bytes.to(ScalarType.Float32), 512).round() / 255);
        var (mean, deviation) = (tensor([0.485f, 0.456f, 0.406f], [1, 3, 1, 1]), tensor([0.229f, 0.224f, 0.225f], [1, 3, 1, 1]));
        // torchvision takes x in [0,1] after (x − mean)/deviation and turns it to (x − ½)/½; here x is in [−1,1] already.
        Same("unlearncanvas", (twice * deviation + mean - 0.5) / 0.5);
        Assert.That(
            EvaluationProtocol.All.Concat(EvaluationProtocol.Steps).Select(p => (p.Name, p.Variant, p.ReferenceOfEachClass)),
            Is.EqualTo(
                new[]
                {
                    ("clean", InceptionVariant.Fid, 0),
                    ("as-released", InceptionVariant.Fid, 500),
                    ("unlearncanvas", InceptionVariant.Torchvision, 0),
                    ("stretched", InceptionVariant.Fid, 0),
                    ("bgr", InceptionVariant.Fid, 0),
                    ("500-a-class", InceptionVariant.Fid, 500),
                }
            )
        );
    }

    // Remembers what it was shown; its features are the image's mean, its logits the first pixel's.
    private sealed class Shown : IImageClassifier
    {
        public float[] Input { get; private set; } = [];

        public int FeatureCount => 1;

        public (Tensor Features, Tensor Logits) Forward(Tensor x)
        {
            Input = x.data<float>().ToArray();
            return (x.mean([1, 2, 3]).unsqueeze(1), x.flatten(1)[.., ..2].clone());
        }

        public void Dispose() { }
    }

    private static float Model(double b) => (float)(2 * b / 255 - 1);

    [Test]
    public void A_classifier_sees_images_of_its_size_and_larger_ones_averaged()
    {
        using var scope = NewDisposeScope();
        var shown = new Shown();
        using var network = new ClassifierNetwork(shown, "net", 3, 2);
        Assert.That((network.Identity, network.Distance, network.Features), Is.EqualTo(("net", "classifier-Fréchet", 1)));
        Assert.That((network.HasScore, network.SpatialFeatures), Is.EqualTo((false, 0)));
        Assert.That(network.InputOf(EvaluationProtocol.Clean), Is.EqualTo("2×2"));
        Assert.That(network.Takes(EvaluationProtocol.Clean) && network.Takes(EvaluationProtocol.AsReleased));
        Assert.That(network.Takes(EvaluationProtocol.UnlearnCanvas), Is.False);

        var small = Bytes(3, 2, 3, 2, 2);
        var read = network.Read(small, EvaluationProtocol.Clean);
        Assert.That(shown.Input, Is.EqualTo(small.data<byte>().Select(b => Model(b))).Within(1e-6));
        Assert.That((read.Pool.shape, read.Spatial.shape), Is.EqualTo((new long[] { 2, 1 }, new long[] { 2, 0 })));
        Assert.That(read.Logits.equal(read.LogitsWithoutBias).all().item<bool>());

        var large = Bytes(4, 1, 3, 6, 6);
        network.Read(large, EvaluationProtocol.Clean);
        var pixels = large.data<byte>().ToArray();
        int Sum(int c, int y, int x) => Enumerable.Range(0, 9).Sum(k => pixels[c * 36 + (3 * y + k / 3) * 6 + 3 * x + k % 3]);
        var averaged = from c in Enumerable.Range(0, 3) from y in new[] { 0, 1 } from x in new[] { 0, 1 } select (Sum(c, y, x) + 4) / 9;
        Assert.That(shown.Input, Is.EqualTo(averaged.Select(b => Model(b))).Within(1e-6));
    }

    [TestCase(3, 3)]
    [TestCase(4, 2)]
    [TestCase(2, 4)]
    public void A_classifier_refuses_images_that_are_no_multiple_of_its_size(int h, int w)
    {
        using var scope = NewDisposeScope();
        using var network = new ClassifierNetwork(new Shown(), "net", 3, 2);
        Assert.That(
            () => network.Read(Bytes(5, 1, 3, h, w), EvaluationProtocol.Clean),
            Throws.TypeOf<UserError>().With.Message.Contains($"these are {w}×{h}")
        );
    }

    [Test]
    public void A_grey_classifier_sees_luma()
    {
        using var scope = NewDisposeScope();
        var shown = new Shown();
        using var network = new ClassifierNetwork(shown, "net", 1, 2);
        var bytes = Bytes(6, 1, 3, 2, 2);
        network.Read(bytes, EvaluationProtocol.Clean);
        var p = bytes.data<byte>().ToArray();
        var luma = Enumerable.Range(0, 4).Select(i => (float)Math.Round(0.299 * p[i] + 0.587 * p[4 + i] + 0.114 * p[8 + i]));
        Assert.That(shown.Input, Is.EqualTo(luma.Select(v => Model(v))).Within(0.01), "to a level of 255");
        using var grey = Bytes(7, 1, 1, 2, 2);
        network.Read(grey.expand(-1, 3, -1, -1).contiguous(), EvaluationProtocol.Clean);
        Assert.That(shown.Input, Is.EqualTo(grey.data<byte>().Select(b => Model(b))).Within(1e-6), "grey stays as it is");
    }

    // Features of image i: (i); logits and those without bias differ.
    private sealed class Counting(long spatial = 0, double from = 0) : IFeatureNetwork
    {
        private long seen;

        public string Identity => "counting";
        public string Distance => "FID";
        public string Prefix => "";
        public bool HasScore => true;
        public int Features => 1;
        public int SpatialFeatures => (int)spatial;

        public bool Takes(EvaluationProtocol protocol) => protocol.Variant == InceptionVariant.Fid;

        public string InputOf(EvaluationProtocol protocol) => "";

        public InceptionFeatures Read(Tensor bytes, EvaluationProtocol protocol)
        {
            var n = bytes.shape[0];
            var index = arange(seen, seen + n, ScalarType.Float32).unsqueeze(1) + from; // [n,1]
            seen += n;
            return new(index, index.expand(n, spatial), Logits(index), Logits(index) * 3);
        }

        public static Tensor Logits(Tensor index) => cat([index.remainder(3), index.remainder(5), index.remainder(2)], 1);

        public void Dispose() { }
    }

    private static TensorImageSet Set(int count) => new("set", zeros([count, 1, 1, 1], ScalarType.Byte), new long[count]);

    [TestCase(23)]
    [TestCase(12_345)]
    public void Evenly_spaced_features_are_kept(int count)
    {
        using var scope = NewDisposeScope();
        using var set = Set(count);
        var seen = new List<(long, long)>();
        using var read = ImageSetFeatures.Read(set, new Counting(), EvaluationProtocol.Clean, CPU, (done, all) => seen.Add((done, all)));
        var kept = Math.Min(count, 10_000);
        Assert.That(read.Kept.data<float>().ToArray(), Is.EqualTo(Enumerable.Range(0, kept).Select(j => (float)((long)j * count / kept))));
        Assert.That((read.Pool.Count, read.Pool.Mean[0]), Is.EqualTo(((long)count, (count - 1) / 2.0)).Within(1e-9));
        Assert.That((read.Count, read.Spatial.Dimension, seen[^1]), Is.EqualTo(((long)count, 0, ((long)count, (long)count))));
    }

    [Test]
    public void The_score_has_ten_splits_and_the_released_one_splits_of_5000_without_bias()
    {
        using var scope = NewDisposeScope();
        using var set = Set(5010);
        var logits = Counting.Logits(arange(5010, ScalarType.Float32).unsqueeze(1));
        (double, double) Score(InceptionScore score, Tensor of)
        {
            score.Add(of);
            return score.Result;
        }

        using var clean = ImageSetFeatures.Read(set, new Counting(), EvaluationProtocol.Clean, CPU);
        using var released = ImageSetFeatures.Read(set, new Counting(), EvaluationProtocol.AsReleased, CPU);
        var (ten, large) = (Score(InceptionScore.InSplits(5010, 10), logits), Score(InceptionScore.OfSplitSize(5010, 5000), logits * 3));
        Assert.That(clean.Score.Mean, Is.EqualTo(ten.Item1).Within(1e-9));
        Assert.That(clean.Score.Deviation, Is.EqualTo(ten.Item2).Within(1e-9));
        Assert.That(released.Score.Mean, Is.EqualTo(large.Item1).Within(1e-9));
        Assert.That(released.Score.Deviation, Is.EqualTo(large.Item2).Within(1e-9));
        Assert.That(released.Score.Deviation, Is.GreaterThan(1e-3), "its last split of 10 images is another");
    }

    [Test]
    public void A_pass_stops_when_told_to_and_refuses_a_protocol_of_another_network()
    {
        using var scope = NewDisposeScope();
        using var set = Set(20);
        Assert.That(
            () => ImageSetFeatures.Read(set, new Counting(), EvaluationProtocol.Clean, CPU, cancel: new CancellationToken(true)),
            Throws.InstanceOf<OperationCanceledException>()
        );
        Assert.That(
            () => ImageSetFeatures.Read(set, new Counting(), EvaluationProtocol.UnlearnCanvas, CPU),
            Throws.ArgumentException.With.Message.Contains("unlearncanvas")
        );
    }

    [Test]
    public void Features_that_are_no_numbers_are_refused_with_their_images()
    {
        using var scope = NewDisposeScope();
        using var set = Set(20);
        Assert.That(
            () => ImageSetFeatures.Read(set, new Counting(from: double.NaN), EvaluationProtocol.Clean, CPU),
            Throws.TypeOf<UserError>().With.Message.Contains("images 0…15 are NaN")
        );
    }

    // Within rounding: entries a millionth of the largest apart may be.
    [TestCase(4e-6, 1.0, true)]
    [TestCase(9e-6, 1.0, false)]
    [TestCase(4e-6, 0.0, true)]
    [TestCase(0.0, -1e-9, false)]
    public void Given_statistics_are_a_covariance_within_rounding(double apart, double variance, bool taken)
    {
        using var folder = new TempFolder();
        var file = folder.Write(
            "s.npz",
            NumPy.Npz(
                ("mu", NumPy.Npy([0, 1])),
                ("sigma", NumPy.Npy([5, 0.5 * (variance > 0 ? 1 : 0) + apart, 0.5 * (variance > 0 ? 1 : 0), variance], 2))
            )
        );
        if (taken)
        {
            var read = FeatureStatistics.Read(file);
            Assert.That((read.Spatial, read.Count, read.Given), Is.EqualTo(((object?)null, 0L, true)));
            Assert.That(read.Pool.Covariance[1, 1], Is.EqualTo(variance));
        }
        else
            Assert.That(() => FeatureStatistics.Read(file), Throws.TypeOf<UserError>().With.Message.Contains("is no covariance"));
    }

    private static ImageSetFeatures Drawn(int seed, int count, int spatial = 0)
    {
        using var generator = new Generator((ulong)seed, CPU);
        var rows = randn([count, 2], ScalarType.Float32, generator: generator);
        var (pool, map) = (new FeatureMoments(2), new FeatureMoments(spatial));
        pool.Add(rows);
        if (spatial > 0)
            map.Add(randn([count, spatial], ScalarType.Float32, generator: generator));
        using var set = Set(count);
        return new(set, pool, map, rows, (2.5, 0.25));
    }

    [Test]
    public void KID_is_the_mean_of_100_subsets_and_its_deviation()
    {
        using var scope = NewDisposeScope();
        using var x = Drawn(1, 5);
        using var y = Drawn(2, 7);
        var numbers = SetComparison.Others(x, y, "id", new Seed(9));
        var each = new List<double>();
        for (var s = 0; s < 100; s++)
        {
            using var generator = new Seed(9).At("kid", s).Generator();
            var own = x.Kept.index_select(0, randperm(5, ScalarType.Int64, generator: generator));
            var other = y.Kept.index_select(0, randperm(7, ScalarType.Int64, generator: generator)[..5]);
            each.Add(KernelDistance.Unbiased(own, other));
        }

        var mean = each.Average();
        var deviation = Math.Sqrt(each.Sum(v => (v - mean) * (v - mean)) / 100);
        Assert.That(numbers[0].Value, Is.EqualTo(mean).Within(1e-9));
        Assert.That(numbers[0].Low, Is.EqualTo(mean - deviation).Within(1e-9));
        Assert.That(numbers[0].High, Is.EqualTo(mean + deviation).Within(1e-9));
        Assert.That(deviation, Is.GreaterThan(1e-3));
        Assert.That(numbers[0].Metric, Does.Contain("100 subsets of 5 of 5 and 7 evenly spaced images"));
        Assert.That(numbers.Select(m => m.Metric.Split(' ')[0]), Is.EqualTo(new[] { "KID", "precision", "recall", "IS" }));
        Assert.That((numbers[3].Value, numbers[3].Low, numbers[3].High), Is.EqualTo((2.5, 2.25, 2.75)));
        Assert.That(SetComparison.Others(x, y, "id", new Seed(9), score: false), Has.Count.EqualTo(3));
    }

    [TestCase(3, 9, 2)]
    [TestCase(9, 3, 2)]
    [TestCase(4, 4, 4)]
    public void Precision_and_recall_need_a_third_neighbour(int n, int m, int count)
    {
        using var scope = NewDisposeScope();
        using var x = Drawn(1, n);
        using var y = Drawn(2, m);
        Assert.That(SetComparison.Others(x, y, "id", new Seed(9)), Has.Count.EqualTo(count));
    }

    [Test]
    public void The_distance_is_FID_and_sFID_where_there_are_both_features_and_says_when_statistics_were_given()
    {
        using var scope = NewDisposeScope();
        using var x = Drawn(1, 9, 3);
        using var y = Drawn(2, 8, 3);
        using var without = Drawn(2, 8);
        var (a, b) = (FeatureStatistics.From(x), FeatureStatistics.From(y));
        var both = SetComparison.Frechet(a, b, "id");
        Assert.That(both.Select(m => m.Metric), Is.EqualTo(new[] { "FID (id; 9 samples)", "sFID (id; 9 samples)" }));
        var spatial = new Frechet(y.Spatial.Mean, y.Spatial.Covariance).To(x.Spatial.Mean, x.Spatial.Covariance);
        Assert.That(both[1].Value, Is.EqualTo(spatial).Within(1e-12));
        Assert.That(SetComparison.Frechet(a, FeatureStatistics.From(without), "id"), Has.Count.EqualTo(1));
        var given = SetComparison.Frechet(a, b with { Given = true }, "id");
        Assert.That(given[0].Metric, Is.EqualTo($"FID (id; statistics given by {y.Of}, which states no network; 9 samples)"));
        using var more = Drawn(1, 10, 3);
        Assert.That(
            () => both[0].DifferenceFrom(SetComparison.Frechet(FeatureStatistics.From(more), b, "id")[0]),
            Throws.InvalidOperationException.With.Message.Contains("9 samples").And.Message.Contains("10 samples"),
            "FID is biased by the number of samples"
        );
    }

    // Memory of one number stands for every tensor.
    private static Dictionary<string, Tensor> Weights(InceptionVariant variant, long classes) =>
        InceptionLayout
            .Tensors(variant, classes)
            .ToDictionary(
                t => t.Name,
                t =>
                    zeros([], t.Name.EndsWith("num_batches_tracked", StringComparison.Ordinal) ? ScalarType.Int64 : ScalarType.Float32)
                        .expand(t.Shape)
            );

    [Test]
    public void Weights_are_those_of_the_network_or_refused_by_name()
    {
        using var scope = NewDisposeScope();
        void Check(Action<Dictionary<string, Tensor>> change, string says = "")
        {
            var weights = Weights(InceptionVariant.Torchvision, 1000);
            change(weights);
            if (says.Length == 0)
                Assert.That(() => InceptionWeights.Check(InceptionVariant.Torchvision, weights, "file"), Throws.Nothing);
            else
                Assert.That(
                    () => InceptionWeights.Check(InceptionVariant.Torchvision, weights, "file"),
                    Throws.TypeOf<UserError>().With.Message.StartsWith($"file: {says}")
                );
        }

        Check(_ => { });
        Check(w => w.Remove("AuxLogits.fc.weight"));
        Check(w => w.Remove("Mixed_5b.branch1x1.bn.num_batches_tracked"));
        Check(w => w.Remove("fc.bias"), "has no tensor 'fc.bias'");
        Check(w => w.Remove("fc.weight"), "has no tensor 'fc.weight'");
        Check(w => w["fc.weight"] = zeros(1000), "tensor 'fc.weight' is Float32 [1000], expected floats [1008,2048]");
        Check(w => w["fc.bias"] = zeros(999), "tensor 'fc.bias' is Float32 [999], expected floats [1000]");
        Check(w => w["fc.bias"] = zeros(1000, ScalarType.Int64), "tensor 'fc.bias' is Int64 [1000]");
    }

    [Test]
    public void Networks_have_their_names_and_purposes()
    {
        Assert.That(InceptionWeights.Name(InceptionVariant.Fid), Is.EqualTo("FID-Inception 2015-12-05"));
        Assert.That(InceptionWeights.Name(InceptionVariant.Torchvision), Is.EqualTo("torchvision Inception-v3"));
        Assert.That(
            InceptionWeights.Advice,
            Does.Contain("for FID as the field takes it pt_inception").And.Contain("for UnlearnCanvas's protocol inception_v3_google")
        );
    }
}
