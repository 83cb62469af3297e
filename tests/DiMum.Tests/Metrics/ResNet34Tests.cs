using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Metrics;
using DiMum.Tests.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Metrics;

public class ResNet34Tests
{
    private const int Small = 32; // the network works on any side; 224 takes fifty times as long

    [Test]
    public void It_has_torchvisions_tensors()
    {
        var tensors = ResNet34.Tensors(1000).ToList();
        long Count(IEnumerable<(string Name, long[] Shape)> some) => some.Sum(t => t.Shape.Aggregate(1L, (n, k) => n * k));
        var buffers = tensors.Where(t => t.Name.Contains("running") || t.Name.Contains("num_batches")).ToList();
        Assert.That(tensors, Has.Count.EqualTo(218));
        Assert.That(Count(tensors.Except(buffers)), Is.EqualTo(21_797_672), "as published");
        Assert.That(tensors[0].Name, Is.EqualTo("conv1.weight"));
        Assert.That(
            tensors.Select(t => t.Name),
            Does.Contain("layer2.0.downsample.1.running_var").And.Not.Contain("layer1.0.downsample.0.weight")
        );
    }

    [Test]
    public void A_file_with_a_head_for_these_classes_is_taken_whole_and_ImageNets_without_it()
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        using var generator = new Generator(1, CPU);
        using var network = New(generator);
        network.Save(folder["ten.safetensors"]);
        using var other = New(generator);
        var images = randn([3, 3, 16, 16], generator: generator);
        Assert.That(Logits(other, images), Is.Not.EqualTo(Logits(network, images)));
        Assert.That(other.Load(folder["ten.safetensors"]), Is.True);
        Assert.That(Logits(other, images), Is.EqualTo(Logits(network, images)), "bit for bit");

        var (tensors, _) = Safetensors.Read(folder["ten.safetensors"]);
        tensors["fc.weight"] = zeros(1000, 512);
        tensors["fc.bias"] = zeros(1000);
        Safetensors.Write(folder["imagenet.safetensors"], tensors);
        using var third = New(generator);
        var head = third.Head.Values.data<float>().ToArray();
        Assert.That(third.Load(folder["imagenet.safetensors"]), Is.False, "its head is not for these classes");
        Assert.That(third.Head.Values.data<float>().ToArray(), Is.EqualTo(head), "so the drawn one stays");
        Assert.That(third.Body.Values.data<float>().ToArray(), Is.EqualTo(network.Body.Values.data<float>().ToArray()));

        tensors["layer3.1.conv2.weight"] = zeros(256, 256, 1, 1);
        Safetensors.Write(folder["wrong.safetensors"], tensors);
        var hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(folder["wrong.safetensors"])));
        Refusal.Of(
            () => third.Load(folder["wrong.safetensors"]),
            "wrong.safetensors",
            "layer3.1.conv2.weight",
            "[256,256,1,1]",
            "[256,256,3,3]",
            hash
        );
    }

    [Test]
    public void Features_do_not_depend_on_the_batch_and_training_learns()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(2, CPU);
        using var network = New(generator);
        var images = randn([35, 3, 8, 8], generator: generator); // one more than an evaluation pass takes at once
        var whole = network.Forward(images).Features;
        var parts = cat([network.Forward(images.narrow(0, 0, 20)).Features, network.Forward(images.narrow(0, 20, 15)).Features]);
        Assert.That((whole - parts).abs().max().item<float>(), Is.LessThan(1e-4 * whole.abs().max().item<float>()));

        // Bright against dark, told apart within a few steps.
        long[] labels = [.. Enumerable.Range(0, 16).Select(i => (long)(i % 2))];
        var bytes = cat([.. labels.Select(label => full([1, 3, 8, 8], label == 0 ? 40 : 210, ScalarType.Byte))]);
        using var data = new Dataset("two greys", bytes, tensor(labels), ["dark", "bright"]);
        var before = network.Body.Values.clone();
        var losses = new List<double>();
        ResNetTraining.Train(network, data, new(8, 8, 1e-2, 5e-4, Shift: 0, Flip: true), new(1), (_, loss) => losses.Add(loss));
        Assert.That(losses[^1], Is.LessThan(0.5 * losses[0]), string.Join(' ', losses));
        Assert.That(
            (network.Body.Values - before).abs().max().item<float>(),
            Is.Positive.And.LessThanOrEqualTo(8 * 1e-3f * 1.3f),
            "the body moves at a tenth of the rate"
        );
    }

    // Grey images of another size: three equal channels, resized.
    [TestCase(32, 32)]
    [TestCase(16, 16)]
    [TestCase(32, 20)]
    [TestCase(20, 32)]
    public void It_computes_torchvisions_network(int h, int w)
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        using var none = no_grad();
        using var generator = new Generator(4, CPU);
        using var network = New(generator);
        network.Save(folder["w.safetensors"]);
        var (tensors, _) = Safetensors.Read(folder["w.safetensors"]);
        foreach (var name in tensors.Keys.Where(n => n.Contains("bn") || n.Contains("downsample.1")).ToList())
            if (tensors[name].dim() == 1)
                tensors[name] = rand(tensors[name].shape, generator: generator) + 0.5; // statistics, scales and shifts that show
        Safetensors.Write(folder["w.safetensors"], tensors);
        network.Load(folder["w.safetensors"]);

        Tensor P(string name) => tensors[name].to(ScalarType.Float64);
        Tensor Unit(Tensor x, string conv, string norm, long stride)
        {
            var pad = P($"{conv}.weight").shape[2] / 2;
            var y = nn.functional.conv2d(x, P($"{conv}.weight"), strides: [stride, stride], padding: [pad, pad]);
            Tensor Along(string what) => P($"{norm}.{what}").view(1, -1, 1, 1);
            return (y - Along("running_mean")) / (Along("running_var") + 1e-5).sqrt() * Along("weight") + Along("bias");
        }

        var x = randn([2, 1, h, w], generator: generator);
        var whole = x.to(ScalarType.Float64).expand(-1, 3, -1, -1);
        if ((h, w) != (Small, Small))
            whole = nn.functional.interpolate(whole, [Small, Small], mode: InterpolationMode.Bilinear, align_corners: false);
        var maps = nn.functional.max_pool2d(Unit(whole, "conv1", "bn1", 2).relu(), 3, stride: 2, padding: 1);
        foreach (var (layer, blocks) in new[] { 3, 4, 6, 3 }.Select((blocks, i) => (i + 1, blocks)))
            for (var i = 0; i < blocks; i++)
            {
                var name = $"layer{layer}.{i}";
                var (first, halves) = (i == 0 && layer > 1, i == 0 && layer > 1 ? 2 : 1);
                var inner = Unit(maps, $"{name}.conv1", $"{name}.bn1", halves).relu();
                var shortcut = first ? Unit(maps, $"{name}.downsample.0", $"{name}.downsample.1", 2) : maps;
                maps = (Unit(inner, $"{name}.conv2", $"{name}.bn2", 1) + shortcut).relu();
            }

        var features = maps.mean([2, 3]);
        var logits = nn.functional.linear(features, P("fc.weight"), P("fc.bias"));
        var got = network.Forward(x);
        Assert.That((got.Features - features).abs().max().item<double>(), Is.LessThan(1e-4 * features.abs().max().item<double>()));
        Assert.That((got.Logits - logits).abs().max().item<double>(), Is.LessThan(1e-4 * logits.abs().max().item<double>()));
    }

    [Test]
    public void Training_uses_the_batch_s_statistics_and_moves_the_running_ones_by_a_tenth()
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        using var none = no_grad();
        using var generator = new Generator(5, CPU);
        using var network = New(generator);
        var x = randn([4, 3, Small, Small], generator: generator);
        network.Training(x);
        network.Save(folder["w.safetensors"]);
        var (tensors, _) = Safetensors.Read(folder["w.safetensors"]);
        var first = nn.functional.conv2d(x, tensors["conv1.weight"], strides: [2, 2], padding: [3, 3]);
        var expected = 0.1 * first.mean([0, 2, 3]);
        Assert.That((tensors["bn1.running_mean"] - expected).abs().max().item<float>(), Is.LessThan(1e-5));
        Assert.That((network.Training(x) - network.Forward(x).Logits).abs().max().item<float>(), Is.GreaterThan(1e-3));
    }

    [Test]
    public void Weights_are_drawn_as_released()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(6, CPU);
        using var network = New(generator);
        var deviation = network.Body["layer2.0.conv1.weight"].Value.std().item<float>();
        Assert.That(deviation, Is.EqualTo(Math.Sqrt(2.0 / (128 * 9))).Within(0.01 * Math.Sqrt(2.0 / (128 * 9))), "He, by what goes out");
        var head = network.Head["fc.weight"].Value.abs().max().item<float>();
        Assert.That(head, Is.EqualTo(Math.Sqrt(6.0 / 522)).Within(1).Percent, "Xavier");
        Assert.That(network.Body["bn1.weight"].Value.eq(1).all().item<bool>());
        Assert.That(network.Body["bn1.bias"].Value.eq(0).all().item<bool>());
    }

    [Test]
    public void A_counter_may_be_missing_and_a_weight_may_not()
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        using var generator = new Generator(7, CPU);
        using var network = New(generator);
        network.Save(folder["w.safetensors"]);
        var (tensors, _) = Safetensors.Read(folder["w.safetensors"]);
        Assert.That(tensors["bn1.num_batches_tracked"].dtype, Is.EqualTo(ScalarType.Int64), "as torchvision's");
        tensors.Remove("bn1.num_batches_tracked");
        Safetensors.Write(folder["less.safetensors"], tensors);
        Assert.That(network.Load(folder["less.safetensors"]), Is.True);
        tensors.Remove("bn1.bias");
        Safetensors.Write(folder["less.safetensors"], tensors);
        Refusal.Of(() => network.Load(folder["less.safetensors"]), "less.safetensors", "has no tensor 'bn1.bias'");
    }

    [Test]
    public void Training_stops_when_told_to_and_counts_its_steps()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(8, CPU);
        using var network = New(generator);
        using var data = new Dataset("grey", full([4, 3, 8, 8], 99, ScalarType.Byte), tensor(new long[] { 0, 1, 0, 1 }), ["a", "b"]);
        var settings = new ClassifierTrainingSettings(3, 4, 1e-3, 5e-4, Shift: 0);
        List<int> seen = [];
        ResNetTraining.Train(network, data, settings, new(1), (step, _) => seen.Add(step));
        Assert.That(seen, Is.EqualTo(new[] { 1, 2, 3 }));
        Assert.That(
            () => ResNetTraining.Train(network, data, settings, new(1), cancel: new CancellationToken(true)),
            Throws.InstanceOf<OperationCanceledException>()
        );
    }

    private static ResNet34 New(Generator generator) => new(10, CPU, generator, Small);

    private static float[] Logits(ResNet34 network, Tensor images) => network.Forward(images).Logits.data<float>().ToArray();
}
