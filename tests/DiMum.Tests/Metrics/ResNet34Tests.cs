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
            Is.LessThanOrEqualTo(8 * 1e-3f * 1.3f),
            "the body moves at a tenth of the rate"
        );
    }

    private static ResNet34 New(Generator generator) => new(10, CPU, generator, Small);

    private static float[] Logits(ResNet34 network, Tensor images) => network.Forward(images).Logits.data<float>().ToArray();
}
