using System.IO.Compression;
using System.Text;
using DiMum.Checkpoints;
using DiMum.Cli;
using DiMum.Data;
using DiMum.Metrics;
using DiMum.Metrics.Inception;
using DiMum.Runs;
using DiMum.Tests.Data;
using DiMum.Verification;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Metrics;

/// <summary>Two sets of images or of statistics through the command line.</summary>
[NonParallelizable]
public class EvaluateTests
{
    [Test]
    public void Statistics_of_both_layouts_give_the_closed_form()
    {
        using var folder = new TempFolder();
        // Commuting covariances: ‖δ‖² + Σ (σ₁ − σ₂)² = 4 + (1−2)² + (3−1)² = 9; the spatial ones 0.
        var a = folder.Write(
            "a.npz",
            NumPy.Npz(
                ("mu", NumPy.Npy([0, 1])),
                ("sigma", NumPy.Npy([1, 0, 0, 9], 2)),
                ("mu_s", NumPy.Npy([1])),
                ("sigma_s", NumPy.Npy([4], 1))
            )
        );
        var b = folder.Write(
            "b.npz",
            NumPy.Npz(
                ("mu", NumPy.Npy([2, 1])),
                ("sigma", NumPy.Npy([4, 0, 0, 1], 2)),
                ("mu_s", NumPy.Npy([1])),
                ("sigma_s", NumPy.Npy([4], 1))
            )
        );
        var (code, _, error) = CommandLine.Call(
            "evaluate",
            "--samples",
            a,
            "--reference",
            b,
            "--json",
            folder["n.json"],
            "--csv",
            folder["n.csv"]
        );
        Assert.That(code, Is.Zero, error);
        var numbers = Json.Read<Measured[]>(File.ReadAllText(folder["n.json"]), "n.json");
        Assert.That(numbers.Select(m => m.Value), Is.EqualTo(new[] { 9.0, 0 }).Within(1e-9));
        Assert.That(numbers[0].Metric, Does.StartWith("Fréchet-2 (given statistics").And.Contain("states no network"));
        Assert.That(numbers[1].Metric, Does.StartWith("spatial-Fréchet-2 ("));
        Assert.That(File.ReadAllLines(folder["n.csv"]), Has.Length.EqualTo(3));

        string Refused(params string[] more)
        {
            var (code, _, error) = CommandLine.Call(["evaluate", "--samples", a, "--reference", b, .. more]);
            Assert.That(code, Is.EqualTo(2), error);
            return error.Trim().Split('\n')[^1];
        }

        Assert.That(Refused("--inception", "nowhere.pth"), Does.Contain("both sides are statistics"));
        Assert.That(Refused("--protocol", "all"), Does.Contain("both sides are statistics"));
        Assert.That(Refused("--set", "seed=2"), Does.Contain("leave them out"));
        Assert.That(Refused("checkpoint.safetensors"), Does.Contain("leave them out"));
        Assert.That(Refused("--json", "-", "--csv", "-"), Does.Contain("standard output"));
        Assert.That(Refused("--json", folder.Root), Does.Contain("is a folder"));
        File.WriteAllText(folder["other.json"], Json.Write(new[] { numbers[0] with { Metric = "KID (x)" } }));
        Assert.That(Refused("--than", folder["other.json"]), Does.Contain("nothing to compare").And.Contain("KID"));
    }

    [Test]
    public void Against_another_reference_of_the_same_size_is_another_measure()
    {
        using var folder = new TempFolder();
        string Statistics(string name, double mean) =>
            folder.Write(name, NumPy.Npz(("mu", NumPy.Npy([mean, 0])), ("sigma", NumPy.Npy([1, 0, 0, 1], 2))));
        var (a, b, c) = (Statistics("a.npz", 0), Statistics("b.npz", 1), Statistics("c.npz", 2));
        var (code, _, error) = CommandLine.Call("evaluate", "--samples", a, "--reference", b, "--json", folder["ab.json"]);
        Assert.That(code, Is.Zero, error);
        (code, _, error) = CommandLine.Call("evaluate", "--samples", a, "--reference", c, "--than", folder["ab.json"]);
        Assert.That(code, Is.EqualTo(2));
        Assert.That(error, Does.Contain("do not compare").And.Contain("c.npz"));
    }

    [Test]
    public void Statistics_that_are_none_are_refused()
    {
        using var folder = new TempFolder();
        string Sigma(string name, double[] mu, double[] sigma) =>
            folder.Write(name, NumPy.Npz(("mu", NumPy.Npy(mu)), ("sigma", NumPy.Npy(sigma, 2))));
        Refusal.Of(() => FeatureStatistics.Read(Sigma("empty.npz", [], [])), "empty.npz", "'mu'", "is empty");
        Refusal.Of(() => FeatureStatistics.Read(Sigma("indefinite.npz", [0, 0], [1, 3, 3, 1])), "no covariance", "eigenvalue -2");
        Refusal.Of(() => FeatureStatistics.Read(Sigma("huge.npz", [0, 0], [1e308, 0, 0, 1e308])), "huge.npz", "no features are that large");
    }

    [Test]
    public void Images_beside_class_folders_and_images_without_a_side_are_refused()
    {
        using var folder = new TempFolder();
        using var generator = new Generator(3, CPU);
        Images(folder, "a", 3, generator);
        Images(folder, "a/class", 2, generator);
        Refusal.Of(() => ImageSet.Open(folder["a"]), "3 images in it and 2 in its folders");
        var flat = folder.Write("flat.npz", NumPy.Npz(("arr_0", NumPy.Npy("|u1", "(4, 0, 8, 3)", []))));
        Refusal.Of(() => ImageSet.Open(flat), "flat.npz", "[4,0,8,3]", "expected uint8");
    }

    [Test]
    public void Folders_and_samples_of_the_same_images_have_the_same_features_and_unlike_protocols_do_not_compare()
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        using var generator = new Generator(3, CPU);
        Images(folder, "a", 3, generator);
        Images(folder, "b", 4, generator);
        var images = Enumerable.Range(0, 3).Select(i => ImageWriter.Read(folder[$"a/{i}.png"]));
        var bytes = stack(images).permute(0, 2, 3, 1).contiguous().bytes.ToArray();
        var samples = folder.Write("a.npz", NumPy.Npz(("arr_0", NumPy.Npy("|u1", "(3, 8, 8, 3)", bytes))));
        var (network, identity) = InceptionWeights.Open(Weights(folder, InceptionVariant.Fid, 1008), CPU);
        using var owned = network;
        var inception = new InceptionNetwork(network, identity);
        Assert.That((inception.Prefix, inception.Distance, inception.HasScore), Is.EqualTo(("", "FID", true)));
        ImageSetFeatures Read(string path, EvaluationProtocol protocol) =>
            ImageSetFeatures.Read(ImageSet.Open(path), inception, protocol, CPU);
        using var fromFiles = Read(folder["a"], EvaluationProtocol.Clean);
        using var fromSamples = Read(samples, EvaluationProtocol.Clean);
        using var reference = Read(folder["b"], EvaluationProtocol.Clean);
        Assert.That(fromSamples.Pool.Mean.ToArray(), Is.EqualTo(fromFiles.Pool.Mean.ToArray()).Within(1e-6));
        Assert.That((fromFiles.Pool.Mean - reference.Pool.Mean).L2Norm(), Is.GreaterThan(1e-3));
        Assert.That(fromFiles.Spatial.Count, Is.EqualTo(3));
        using var released = Read(samples, EvaluationProtocol.AsReleased);
        var clean = SetComparison.Others(fromFiles, reference, $"{identity}; {EvaluationProtocol.Clean.IdentityWith("", 4, 4)}", new(0));
        var other = SetComparison.Others(
            released,
            reference,
            $"{identity}; {EvaluationProtocol.AsReleased.IdentityWith("", 4, 4)}",
            new(0)
        );
        Assert.That(clean.Select(m => m.Metric.Split(' ')[0]), Is.EqualTo(new[] { "KID", "IS" }), "3 images have no third neighbour");
        Assert.That(clean[0].Metric, Does.Contain("FID-Inception 2015-12-05, weights ").And.Contain("subsets of 3"));
        Assert.That(() => clean[0].DifferenceFrom(other[0]), Throws.InvalidOperationException.With.Message.Contains("BGR"));
    }

    [Test]
    public void Bad_images_are_named_and_counted()
    {
        using var folder = new TempFolder();
        using var generator = new Generator(3, CPU);
        Images(folder, "a", 3, generator);
        folder.Write("a/broken.png", Encoding.ASCII.GetBytes("no image"));
        Refusal.Of(() => ImageSet.Open(folder["a"]), "broken.png", "1 of 4 files", "--skip-unreadable");
        var set = ImageSet.Open(folder["a"], skipUnreadable: true);
        Assert.That(set.Count, Is.EqualTo(3));
        Assert.That(set.Notes.Single(), Does.Contain("1 of 4 files"));
        ImageWriter.Grid(zeros([1, 3, 5, 5], ScalarType.Byte), 1, 1, folder["a/z.png"]);
        Refusal.Of(() => ImageSet.Open(folder["a"], skipUnreadable: true), "mixed sizes", "z.png", "8×8", "7×7");
        File.Delete(folder["a/z.png"]);
        Write(folder, "a/z.png", new SkiaSharp.SKColor(1, 2, 3, 200));
        Refusal.Of(() => ImageSet.Open(folder["a"], skipUnreadable: true), "z.png", "transparent");
        Images(folder, "one", 1, generator);
        Refusal.Of(() => ImageSet.Open(folder["one"]), "at least 2");
        Refusal.Of(() => ImageSet.Open(folder["none"]), "no such folder");
    }

    [Test]
    public void Bad_arrays_are_named()
    {
        using var folder = new TempFolder();
        void Refused(string why, params (string, byte[])[] arrays) =>
            Refusal.Of(
                () =>
                {
                    var path = folder.Write("x.npz", NumPy.Npz(arrays));
                    if (FeatureStatistics.IsIn(path))
                        FeatureStatistics.Read(path);
                    else
                        ImageSet.Open(path);
                },
                "x.npz",
                why
            );
        Refused("NaN", ("mu", NumPy.Npy([0, double.NaN])), ("sigma", NumPy.Npy([1, 0, 0, 1], 2)));
        Refused("expected [d,d]", ("mu", NumPy.Npy([0, 1, 2])), ("sigma", NumPy.Npy([1, 0, 0, 1], 2)));
        Refused("not symmetric", ("mu", NumPy.Npy([0, 1])), ("sigma", NumPy.Npy([1, 0.5, 0, 1], 2)));
        Refused("expected uint8", ("arr_0", NumPy.Npy("<f4", "(2, 8, 8, 3)", new byte[4 * 384])));
        Refused(
            "is <f4 [2,8,8,3]",
            ("arr_0", NumPy.Npy("<f4", "(2, 8, 8, 3)", Enumerable.Repeat(float.NaN, 384).SelectMany(BitConverter.GetBytes).ToArray()))
        );
        Refused("claims shape", ("arr_0", NumPy.Npy("|u1", "(200000, 8, 8, 3)", new byte[384])));
        Refused("no plain array", ("arr_0", NumPy.Npy("|O8", "(2, 8, 8, 3)", new byte[384])));
        Refused("has no array 'arr_0'", ("images", NumPy.Npy([1])));
    }

    [Test]
    public void Without_weights_the_answer_says_what_to_download_and_wrong_weights_are_named()
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        using var generator = new Generator(3, CPU);
        Images(folder, "a", 2, generator);
        string[] ask = ["evaluate", "--samples", folder["a"], "--reference", folder["a"]];
        var (code, _, error) = CommandLine.Call(ask);
        Assert.That(code, Is.EqualTo(2));
        Assert.That(
            error,
            Does.Contain("pt_inception-2015-12-05-6726825d.pth")
                .And.Contain("mseitzer/pytorch-fid")
                .And.Contain("SHA-256 6726825d")
                .And.Contain("--classifier")
        );
        Assert.That(error.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(1));
        Safetensors.Write(folder["w.safetensors"], new Dictionary<string, Tensor> { ["fc.weight"] = zeros(10, 2048) });
        (code, _, error) = CommandLine.Call([.. ask, "--inception", folder["w.safetensors"]]);
        Assert.That(code, Is.EqualTo(2));
        Assert.That(error, Does.Contain("w.safetensors").And.Contain("[10,2048]").And.Contain("SHA-256"));
        Refusal.Of(
            () => InceptionWeights.Open(folder["w.safetensors"], CPU),
            Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(folder["w.safetensors"])))
        );
        (code, _, error) = CommandLine.Call([.. ask, "--protocol", "nice"]);
        Assert.That(error, Does.Contain("as-released"));
        (code, _, error) = CommandLine.Call("evaluate", "--samples", folder["a"]);
        Assert.That((code, error), Is.EqualTo((2, error)));
        Assert.That(error, Does.Contain("belong together"));
    }

    private static void Write(TempFolder folder, string name, SkiaSharp.SKColor color)
    {
        using var bitmap = new SkiaSharp.SKBitmap(8, 8);
        bitmap.Erase(color);
        using var png = bitmap.Encode(SkiaSharp.SKEncodedImageFormat.Png, 100);
        folder.Write(name, png.ToArray());
    }

    private static void Images(TempFolder folder, string name, int count, Generator generator)
    {
        Directory.CreateDirectory(folder[name]);
        for (var i = 0; i < count; i++)
        {
            using var scope = NewDisposeScope();
            // A sheet of one image has a border of one pixel: 8×8 from 6×6.
            ImageWriter.Grid(randint(0, 256, [1, 3, 6, 6], ScalarType.Byte, generator: generator), 1, 1, folder[$"{name}/{i}.png"]);
        }
    }

    private static string Weights(TempFolder folder, InceptionVariant variant, long classes)
    {
        var tensors = InceptionLayout
            .Tensors(variant, classes)
            .ToDictionary(
                t => t.Name,
                t => t.Name.EndsWith("running_var", StringComparison.Ordinal) ? ones(t.Shape) : tensor(Weight(t.Name, t.Shape), t.Shape)
            );
        Safetensors.Write(folder["inception.safetensors"], tensors);
        return folder["inception.safetensors"];
    }

    private static float[] Weight(string name, long[] shape)
    {
        var values = ProceduralRule.Parameter(name, shape);
        return shape.Length < 2 ? values : [.. values.Select(v => 2 * v)];
    }
}
