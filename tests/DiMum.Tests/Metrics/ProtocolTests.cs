using DiMum.Data;
using DiMum.Metrics;
using DiMum.Metrics.Inception;
using DiMum.Runs;
using DiMum.Tests.Data;
using DiMum.Tests.Runs;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Metrics;

/// <summary>Run folders as sets of images, protocols side by side, and numbers that refuse to be compared.</summary>
[NonParallelizable]
public class ProtocolTests
{
    [Test]
    public void A_run_is_compared_with_its_real_images_by_its_own_classifier()
    {
        using var folder = new TempFolder();
        var run = folder["run"];
        using (var work = TinyExperiment.Run(run, "classifier.top-k=4"))
        {
            var (one, among) = (work.Classify().TestAccuracy, work.Classify().TestTopK!);
            Assert.That(among.Value, Is.GreaterThan(one.Value), "a label is among the 4 likeliest more often than it is the likeliest");
            Assert.That(among.Metric, Does.Contain("top-4"));
            work.Pretrain();
        }

        string[] ask = ["evaluate", "--samples", run, "--reference", run, "--classifier", run, "--cache", folder["cache"]];
        var (code, output, error) = CommandLine.Call([.. ask, "--protocol", "steps", "--json", folder["n.json"], "--csv", folder["n.csv"]]);
        Assert.That(code, Is.Zero, error);
        foreach (var protocol in new[] { "clean: RGB", "stretched: RGB", "bgr: BGR", "500-a-class: RGB", "as-released: each" })
            Assert.That(output, Does.Contain(protocol));
        var numbers = Json.Read<Measured[]>(File.ReadAllText(folder["n.json"]), "n.json");
        var distances = numbers.Where(m => m.Metric.StartsWith("classifier-Fréchet (", StringComparison.Ordinal)).ToArray();
        Assert.That(distances, Has.Length.EqualTo(5));
        Assert.That(numbers.Select(m => m.Metric), Has.None.StartsWith("FID"), "a classifier's distance is not FID");
        Assert.That(distances[0].N, Is.EqualTo(45));
        Assert.That(distances[2].Value, Is.EqualTo(distances[0].Value).Within(1e-9), "grey images are the same in BGR");
        Assert.That(distances[1].Value, Is.Not.EqualTo(distances[0].Value).Within(1e-9), "stretched they are not");
        Assert.That(
            distances[4].Metric,
            Does.Contain("no more than 500 a class"),
            "the digits have fewer, and the identity says what was used"
        );
        Assert.That(Directory.GetFiles(folder["cache"]), Has.Length.EqualTo(10), "two sets, five protocols");

        (code, output, error) = CommandLine.Call([.. ask, "--than", folder["n.json"], "--json", "-"]);
        Assert.That(code, Is.Zero, error);
        Assert.That(Json.Read<Measured[]>(output, "output"), Has.Length.EqualTo(numbers.Count(m => m.Metric.Contains("clean: RGB"))));
        Assert.That(error, Does.Contain("classifier-Fréchet: 0 than before"), "read back from the cache to the last bit");
        var other = numbers.Where(m => m.Metric.Contains("bgr: BGR")).ToArray();
        File.WriteAllText(folder["bgr.json"], Json.Write(other));
        (code, _, error) = CommandLine.Call([.. ask, "--than", folder["bgr.json"]]);
        Assert.That(code, Is.EqualTo(2));
        Assert.That(
            error.Trim().Split('\n')[^1],
            Does.Contain("do not compare").And.Contain("RGB").And.Contain("BGR").And.Not.Contain("images of pre")
        );

        (code, _, error) = CommandLine.Call([.. ask, "--model", "DiMUM"]);
        Assert.That((code, error), Is.EqualTo((2, error)));
        Assert.That(error, Does.Contain("stage unlearn-DiMUM-").And.Contain("is not finished"));
        (code, _, error) = CommandLine.Call("evaluate", "--samples", run, "--reference", run, "--classifier", folder.Root);
        Assert.That((code, error), Is.EqualTo((2, error)));
        Assert.That(error, Does.Contain("not a run folder"));
    }

    [Test]
    public void The_identity_says_how_much_of_the_reference_counted()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1, CPU);
        long[] labels = [.. Enumerable.Range(0, 1200).Select(i => i % 3 == 0 ? 0L : 1)];
        using var set = new TensorImageSet("set", randint(0, 256, [1200, 3, 4, 4], ScalarType.Byte, generator: generator), labels);
        var first = set.FirstOfEachClass(500);
        Assert.That(first.Count, Is.EqualTo(900));
        var released = EvaluationProtocol.AsReleased;
        Assert.That(
            released.IdentityWith("x", first.Count, set.Count),
            Does.EndWith("first 500 reference images of each class: 900 of 1200")
        );
        Assert.That(released.IdentityWith("x", 1200, 1200), Does.Contain("1200 reference images").And.Contain("without class folders"));
        Assert.That(EvaluationProtocol.Clean.IdentityWith("x", 1200, 1200), Does.EndWith("; 1200 reference images"));
    }

    [Test]
    public void What_differs_between_two_identities_is_named_and_what_they_share_is_not()
    {
        var clean = new Measured(1, 9, 0, 0, $"FID (net, weights 12; {EvaluationProtocol.Clean.IdentityWith("resize", 5, 5)})", "x");
        var stretched = clean with { Metric = $"FID (net, weights 12; {EvaluationProtocol.Steps[0].IdentityWith("resize", 5, 5)})" };
        Assert.That(
            () => clean.DifferenceFrom(stretched),
            Throws.InvalidOperationException.With.Message.EqualTo(
                "these numbers do not compare: 'clean; RGB' against 'stretched; RGB, each image stretched min–max'"
            )
        );
    }
}
