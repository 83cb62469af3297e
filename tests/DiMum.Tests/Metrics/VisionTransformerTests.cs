using System.IO.Compression;
using DiMum.Checkpoints;
using DiMum.Diffusion;
using DiMum.Metrics;
using DiMum.Tests.Checkpoints;
using DiMum.Tests.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Metrics;

/// <summary>The released classifiers' network: names, sizes and function; and accuracy among the k best guesses.</summary>
public class VisionTransformerTests
{
    private static readonly VisionTransformerConfig Tiny = new(5, ImageSize: 8, PatchSize: 4, Width: 16, Layers: 2, Heads: 2);

    [TestCase(51, 303_353_907)]
    [TestCase(20, 303_322_132)]
    [TestCase(1000, 304_326_632)] // as timm states it for ImageNet
    public void The_full_network_has_the_names_and_size_that_timm_gives_it(int classes, long count)
    {
        var declared = VisionTransformer.Declared(new(classes));
        Assert.That(declared.Sum(p => p.Count), Is.EqualTo(count));
        Assert.That(declared, Has.Count.EqualTo(296));
        Assert.That(
            declared.Take(6).Select(p => p.Name),
            Is.EqualTo(
                new[]
                {
                    "cls_token",
                    "pos_embed",
                    "patch_embed.proj.weight",
                    "patch_embed.proj.bias",
                    "blocks.0.norm1.weight",
                    "blocks.0.norm1.bias",
                }
            )
        );
        var shapes = declared.ToDictionary(p => p.Name, p => p.Shape);
        Assert.That(shapes["pos_embed"], Is.EqualTo(new long[] { 1, 197, 1024 }));
        Assert.That(shapes["blocks.23.attn.qkv.weight"], Is.EqualTo(new long[] { 3072, 1024 }));
        Assert.That(shapes["head.weight"], Is.EqualTo(new long[] { classes, 1024 }));
    }

    [Test]
    public void It_computes_what_is_written_out_head_by_head()
    {
        using var scope = NewDisposeScope();
        using var network = Make();
        using var generator = new Seed(4).Generator();
        var x = randn([3, 3, 8, 8], generator: generator);
        var (features, logits) = network.Forward(x);
        var expected = WrittenOut(network, x);
        Assert.That((features - expected).abs().max().item<double>(), Is.LessThan(1e-5));
        var last = expected.matmul(Of(network, "head.weight").t()) + Of(network, "head.bias");
        Assert.That((logits - last).abs().max().item<double>(), Is.LessThan(1e-5));
        Assert.That(logits.std().item<float>(), Is.GreaterThan(0.1f));
    }

    [Test]
    public void Accuracy_among_the_k_best_guesses_counts_labels_by_their_place()
    {
        const int images = 40;
        using var scope = NewDisposeScope();
        using var none = no_grad();
        using var network = Make();
        using var generator = new Seed(6).Generator();
        var logits = network.Forward(randn([images, 3, 8, 8], generator: generator)).Logits; // [N,5]
        var rows = logits.data<float>().ToArray().Chunk(5).ToArray();
        long[] labels = [.. Enumerable.Range(0, images).Select(i => (long)(i % 5))];
        int[] places = [.. rows.Zip(labels, (row, label) => row.Count(guess => guess > row[label]))]; // 0 is the best
        Assert.That(places.Distinct(), Is.EquivalentTo(new[] { 0, 1, 2, 3, 4 }));
        for (var k = 1; k <= 5; k++)
            Assert.That(AccuracyRate.Hits(logits, tensor(labels), k), Is.EqualTo(places.Count(place => place < k)), $"k = {k}");
    }

    [TestCase("")]
    [TestCase("model_state_dict.")]
    public void A_released_checkpoint_is_read_with_its_wrapping(string wrapping)
    {
        using var scope = NewDisposeScope();
        using var folder = new TempFolder();
        using var made = Make();
        var storages = new List<(string, byte[])>();
        var writer = PickleWriter.Start().Op('}');
        if (wrapping.Length > 0)
            writer.Text("epoch").Number(3).Op('s').Text("model_state_dict").Op('}');
        foreach (var p in made.Parameters.Entries)
        {
            var strides = p.Shape.Select((_, i) => p.Shape.Skip(i + 1).Aggregate(1L, (a, b) => a * b)).ToArray();
            writer.Text(p.Name).Tensor($"{storages.Count}", p.Count, 0, p.Shape, strides).Op('s');
            storages.Add(($"{storages.Count}", p.Value.bytes.ToArray()));
        }

        if (wrapping.Length > 0)
            writer.Op('s');
        var path = folder.Write("style50.pth", PickleWriter.Zip(writer.Op('.').Bytes, CompressionLevel.NoCompression, [.. storages]));
        using var read = VisionTransformer.Load(path, Tiny);
        Assert.That(read.Parameters.Values.bytes.SequenceEqual(made.Parameters.Values.bytes));
        Refusal.Of(
            () => VisionTransformer.Load(path, Tiny with { Classes = 6 }),
            path,
            "'" + wrapping + "head.weight' is [5,16]",
            "[6,16]"
        );
    }

    private static VisionTransformer Make()
    {
        using var generator = new Seed(1).Generator();
        var network = new VisionTransformer(Tiny, CPU, generator);
        using var none = no_grad();
        network.Parameters.Values.add_(0.05 * randn(network.Parameters.Count, generator: generator));
        return network;
    }

    private static Tensor Of(VisionTransformer network, string name) => network.Parameters[name].Value.to(ScalarType.Float64);

    private static Tensor WrittenOut(VisionTransformer network, Tensor images)
    {
        Tensor W(string name) => Of(network, name);
        Tensor Linear(Tensor x, string name) => x.matmul(W(name + ".weight").t()) + W(name + ".bias");
        Tensor Norm(Tensor x, string name)
        {
            var centred = x - x.mean([-1], keepdim: true);
            return centred / (centred.square().mean([-1], keepdim: true) + 1e-6).sqrt() * W(name + ".weight") + W(name + ".bias");
        }

        Tensor Gelu(Tensor x) => x * 0.5 * (1 + (x / Math.Sqrt(2)).erf());
        var x = images.to(ScalarType.Float64);
        var tokens = new List<Tensor> { W("cls_token").expand(3, 1, 16) };
        for (var row = 0; row < 2; row++)
        for (var column = 0; column < 2; column++)
        {
            var patch = x.narrow(2, 4 * row, 4).narrow(3, 4 * column, 4).flatten(1);
            tokens.Add((patch.matmul(W("patch_embed.proj.weight").flatten(1).t()) + W("patch_embed.proj.bias")).unsqueeze(1));
        }

        var h = cat(tokens, 1) + W("pos_embed");
        for (var i = 0; i < 2; i++)
        {
            var qkv = Linear(Norm(h, $"blocks.{i}.norm1"), $"blocks.{i}.attn.qkv").chunk(3, -1);
            var heads = Enumerable
                .Range(0, 2)
                .Select(head =>
                {
                    Tensor Part(Tensor t) => t.narrow(2, 8 * head, 8);
                    return (Part(qkv[0]).matmul(Part(qkv[1]).transpose(1, 2)) / Math.Sqrt(8)).softmax(-1).matmul(Part(qkv[2]));
                });
            h = h + Linear(cat([.. heads], 2), $"blocks.{i}.attn.proj");
            h = h + Linear(Gelu(Linear(Norm(h, $"blocks.{i}.norm2"), $"blocks.{i}.mlp.fc1")), $"blocks.{i}.mlp.fc2");
        }

        return Norm(h, "norm").select(1, 0);
    }
}
