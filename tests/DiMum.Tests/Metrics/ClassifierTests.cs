using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Metrics;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Tests.Metrics;

/// <summary>The small classifier and its training, against both written out slowly.</summary>
[NonParallelizable]
public class ClassifierTests
{
    private static ImageClassifier Network(int blocks = 1)
    {
        using var generator = new Generator(3, CPU);
        return new(new ClassifierConfig(3, 1, [8, 16], blocks), CPU, generator);
    }

    private static Dataset Images(int count)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5, CPU);
        var pixels = randint(0, 256, [count, 1, 6, 6], ScalarType.Byte, generator: generator);
        var labels = arange(count, ScalarType.Int64).remainder(3);
        return new("some", pixels, labels, ["a", "b", "c"]);
    }

    [Test]
    public void Each_level_has_its_blocks_and_a_shortcut_where_the_width_changes()
    {
        using var network = Network(2);
        string[] Block(string name, bool shortcut) =>
            [
                .. new[] { "norm1", "conv1", "norm2", "conv2" }
                    .Concat(shortcut ? ["shortcut"] : [])
                    .SelectMany(part => new[] { $"block.{name}.{part}.weight", $"block.{name}.{part}.bias" }),
            ];
        string[] expected =
        [
            "conv_in.weight",
            "conv_in.bias",
            .. Block("0.0", false),
            .. Block("0.1", false),
            .. Block("1.0", true),
            .. Block("1.1", false),
            "norm_out.weight",
            "norm_out.bias",
            "head.weight",
            "head.bias",
        ];
        Assert.That(network.Parameters.Entries.Select(p => p.Name), Is.EquivalentTo(expected));
        Assert.That(network.FeatureCount, Is.EqualTo(16));
    }

    [Test]
    public void It_computes_what_its_summary_says()
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        using var network = Network(2);
        using var generator = new Generator(8, CPU);
        network.Parameters.Values.add_(randn(network.Parameters.Values.shape, generator: generator) * 0.1); // no norm is the identity
        Tensor P(string name) => network.Parameters[name].Value.to(ScalarType.Float64);
        Tensor Conv(Tensor x, string name, long pad) => functional.conv2d(x, P($"{name}.weight"), P($"{name}.bias"), padding: [pad, pad]);
        Tensor Norm(Tensor x, string name) => functional.silu(functional.group_norm(x, 8, P($"{name}.weight"), P($"{name}.bias"), 1e-6));
        Tensor Block(Tensor x, string name, bool shortcut) =>
            Conv(Norm(Conv(Norm(x, $"{name}.norm1"), $"{name}.conv1", 1), $"{name}.norm2"), $"{name}.conv2", 1)
            + (shortcut ? Conv(x, $"{name}.shortcut", 0) : x);

        var x = randn([2, 1, 6, 6], ScalarType.Float32, generator: generator);
        var h = Conv(x.to(ScalarType.Float64), "conv_in", 1);
        h = Block(Block(h, "block.0.0", false), "block.0.1", false);
        h = functional.avg_pool2d(h, 2); // [2,8,3,3]
        h = Block(Block(h, "block.1.0", true), "block.1.1", false);
        var features = Norm(h, "norm_out").mean([2, 3]); // [2,16]
        var logits = functional.linear(features, P("head.weight"), P("head.bias"));
        var got = network.Forward(x);
        Assert.That((got.Features - features).abs().max().item<double>(), Is.LessThan(1e-5));
        Assert.That((got.Logits - logits).abs().max().item<double>(), Is.LessThan(1e-5));
    }

    // One pixel at a time: mirrored where drawn, then moved by up to s pixels over a black border.
    private static Tensor Augmented(Tensor x, ClassifierTrainingSettings settings, Generator generator)
    {
        var (n, side, s) = (x.shape[0], (int)x.shape[2], settings.Shift);
        var source = x.data<float>().ToArray();
        bool[] mirrored = settings.Flip ? [.. rand(n, generator: generator).data<float>().Select(v => v < 0.5f)] : new bool[n];
        var moves = s == 0 ? new long[2 * n] : randint(0, 2 * s + 1, [2, n], ScalarType.Int64, generator: generator).data<long>().ToArray();
        var result = new float[source.Length];
        for (var i = 0; i < n; i++)
        for (var y = 0; y < side; y++)
        for (var column = 0; column < side; column++)
        {
            var (fromY, fromX) = (y + (int)moves[i] - s, column + (int)moves[n + i] - s);
            var inside = fromY >= 0 && fromY < side && fromX >= 0 && fromX < side;
            var seen = mirrored[i] ? side - 1 - fromX : fromX;
            result[(i * side + y) * side + column] = inside ? source[(i * side + fromY) * side + seen] : -1;
        }

        return tensor(result, x.shape);
    }

    [TestCase(0, false)]
    [TestCase(2, false)]
    [TestCase(1, true)]
    public void Training_is_cross_entropy_clipped_decayed_and_stepped_by_Adam(int shift, bool flip)
    {
        using var scope = NewDisposeScope();
        using var data = Images(20);
        var (settings, seed) = (new ClassifierTrainingSettings(40, 6, 0.02, 0.1, shift, flip), new Seed(11));
        using var trained = Network();
        var seen = new List<(int, double)>();
        ClassifierTraining.Train(trained, data, settings, seed, (done, loss) => seen.Add((done, loss)));

        using var slow = Network();
        var parameters = slow.Parameters;
        var reader = Pairing.Train(data).Read(seed);
        var (m, v) = (zeros_like(parameters.Values), zeros_like(parameters.Values));
        var losses = new List<(int, double)>();
        for (var step = 0; step < 40; step++)
        {
            using var inner = NewDisposeScope();
            var (bytes, labels) = reader.Batch(step, 6);
            using var generator = seed.At("augment", step).Generator();
            parameters.ZeroGradient();
            var loss = functional.cross_entropy(slow.Forward(Augmented(Pixels.ToModel(bytes), settings, generator)).Logits, labels);
            loss.backward();
            losses.Add((step + 1, loss.item<float>()));
            using var none = no_grad();
            var g = parameters.Gradient;
            g = g * Math.Min(1, 1 / (g.to(ScalarType.Float64).norm().item<double>() + 1e-6));
            var rate = 0.02 * (1 + Math.Cos(Math.PI * step / 40)) / 2 * (step == 0 ? 0.5 : 1); // 2 steps of warm-up are 5 %
            m.mul_(0.9).add_(g, alpha: 0.1);
            v.mul_(0.999).addcmul_(g, g, 0.001);
            var move = m / (1 - Math.Pow(0.9, step + 1)) / ((v / (1 - Math.Pow(0.999, step + 1))).sqrt() + 1e-8);
            parameters.Values.mul_(1 - rate * 0.1).add_(move, alpha: -rate);
        }

        Assert.That(seen.Select(s => s.Item1), Is.EqualTo(losses.Select(l => l.Item1)));
        Assert.That(seen.Select(s => s.Item2).Take(10), Is.EqualTo(losses.Select(l => l.Item2).Take(10)).Within(1e-4));
        Assert.That(seen.Select(s => s.Item2), Is.EqualTo(losses.Select(l => l.Item2)).Within(2e-2));
        Assert.That((trained.Parameters.Values - parameters.Values).abs().mean().item<float>(), Is.LessThan(2e-3));
    }

    [Test]
    public void Training_stops_when_told_to()
    {
        using var scope = NewDisposeScope();
        using var data = Images(6);
        using var network = Network();
        using var before = network.Parameters.Snapshot();
        Assert.That(
            () =>
                ClassifierTraining.Train(
                    network,
                    data,
                    new ClassifierTrainingSettings(3, 2, 0.1),
                    new Seed(1),
                    cancel: new CancellationToken(true)
                ),
            Throws.InstanceOf<OperationCanceledException>()
        );
        Assert.That(network.Parameters.Values.equal(before).all().item<bool>());
    }

    [Test]
    public void Accuracy_is_named_by_its_k_and_features_come_as_rows()
    {
        using var scope = NewDisposeScope();
        using var data = Images(7);
        using var network = Network();
        var (one, two) = (ClassifierTraining.Accuracy(network, data, "net"), ClassifierTraining.Accuracy(network, data, "net", 2));
        Assert.That(one.Metric, Does.StartWith("classifier accuracy,"));
        Assert.That(two.Metric, Does.StartWith("classifier top-2 accuracy,"));
        Assert.That(two.Value, Is.GreaterThanOrEqualTo(one.Value));
        using var images = Dataset.ToModel(data.Images);
        using var none = no_grad();
        var whole = network.Forward(images).Features.to(ScalarType.Float64);
        var rows = ClassifierTraining.Features(network, images, 3).ToArray();
        Assert.That(rows.Select(r => r.GetLength(0)), Is.EqualTo(new[] { 3, 3, 1 }));
        Assert.That(rows.SelectMany(r => r.Cast<double>()), Is.EqualTo(whole.data<double>().ToArray()).Within(1e-6));
    }
}
