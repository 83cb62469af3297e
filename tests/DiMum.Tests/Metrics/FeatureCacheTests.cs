using DiMum.Data;
using DiMum.Metrics;
using DiMum.Metrics.Inception;
using DiMum.Tests.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Metrics;

/// <summary>Features read back are the computed ones to the last bit; what is damaged, shared or can't be written costs time and nothing else.</summary>
public class FeatureCacheTests
{
    private const int Side = 8;

    [Test]
    public void A_hit_is_the_fresh_computation_bit_for_bit()
    {
        using var scene = new Scene(300);
        using var fresh = scene.Compute();
        using var kept = scene.Get();
        using var found = scene.Get();
        Assert.That(scene.Computed, Is.EqualTo(1), "the second time nothing is computed");
        foreach (var features in new[] { kept, found })
        {
            Assert.That(features.Pool.Parts.Count, Is.EqualTo(fresh.Pool.Parts.Count));
            Assert.That(features.Pool.Parts.Mean, Is.EqualTo(fresh.Pool.Parts.Mean));
            Assert.That(features.Pool.Parts.Scatter, Is.EqualTo(fresh.Pool.Parts.Scatter));
            Assert.That(features.Kept.bytes.ToArray(), Is.EqualTo(fresh.Kept.bytes.ToArray()));
            Assert.That(features.Score, Is.EqualTo(fresh.Score));
            Assert.That(features.Of, Is.EqualTo(fresh.Of));
        }

        Assert.That(scene.Notes, Is.Empty);
    }

    [Test]
    public void Other_images_another_protocol_and_another_network_are_other_entries()
    {
        using var scene = new Scene(20);
        scene.Get().Dispose();
        scene.Get(EvaluationProtocol.AsReleased).Dispose();
        using (var other = new Scene(20, seed: 5, scene.Folder))
            other.Get().Dispose();
        using (var other = new Scene(20, identity: "another network", folder: scene.Folder))
            other.Get().Dispose();
        Assert.That(Directory.GetFiles(scene.Folder), Has.Length.EqualTo(4));
    }

    // A flipped bit of the data, a cut file, an empty one, and a whole one of other images under this name.
    [TestCase("flip")]
    [TestCase("cut")]
    [TestCase("empty")]
    [TestCase("swap")]
    public void A_damaged_entry_is_computed_anew_with_one_line(string damage)
    {
        using var scene = new Scene(40);
        using var fresh = scene.Get();
        var file = Directory.GetFiles(scene.Folder).Single();
        var bytes = File.ReadAllBytes(file);
        if (damage == "flip")
            bytes[^5] ^= 1;
        if (damage == "swap")
        {
            using var other = new Scene(40, seed: 5);
            other.Get().Dispose();
            bytes = File.ReadAllBytes(Directory.GetFiles(other.Folder).Single());
        }

        File.WriteAllBytes(
            file,
            damage is "cut" ? bytes[..(bytes.Length / 2)]
                : damage is "empty" ? []
                : bytes
        );
        using var again = scene.Get();
        Assert.That(scene.Computed, Is.EqualTo(2));
        Assert.That(again.Pool.Parts.Scatter, Is.EqualTo(fresh.Pool.Parts.Scatter));
        Assert.That(scene.Notes.Single(), Does.Contain("damaged").And.Contain(Path.GetFileName(file)).And.Not.Contain("\n"));
        scene.Get().Dispose();
        Assert.That(scene.Computed, Is.EqualTo(2), "and is whole again");
    }

    [Test]
    public void Writers_at_the_same_time_leave_one_whole_entry()
    {
        using var scene = new Scene(30);
        using var barrier = new Barrier(4);
        Parallel.ForEach(
            Enumerable.Range(0, 4),
            new ParallelOptions { MaxDegreeOfParallelism = 4 },
            _ => scene.Get(before: () => barrier.SignalAndWait(TimeSpan.FromSeconds(5))).Dispose()
        );
        Assert.That(scene.Notes, Is.Empty);
        Assert.That(Directory.GetFiles(scene.Folder), Has.Length.EqualTo(1), "no temporary file is left");
        var computed = scene.Computed;
        scene.Get().Dispose();
        Assert.That(scene.Computed, Is.EqualTo(computed), "what they left is read");
    }

    [Test]
    public void A_folder_that_can_not_be_written_costs_a_line()
    {
        using var scene = new Scene(20);
        File.WriteAllText(scene.Folder, "a file in the way");
        scene.Get().Dispose();
        Assert.That(scene.Notes.Single(), Does.Contain("can't be kept"));
    }

    [Test]
    public void A_pass_holds_no_more_tensors_at_its_end_than_at_its_beginning()
    {
        using var scene = new Scene(63 * 16);
        var live = new List<long>();
        using var features = scene.Compute(() => live.Add(DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount));
        Assert.That(live, Has.Count.GreaterThan(50));
        Assert.That(live.Distinct().Count(), Is.EqualTo(1), string.Join(' ', live));
    }

    /// <summary>Random images, a tiny network and a cache folder of their own.</summary>
    private sealed class Scene : IDisposable
    {
        private readonly TempFolder temporary = new();
        private readonly TensorImageSet set;
        private readonly ClassifierNetwork network;
        private readonly Lock gate = new();
        private int computed;

        public Scene(int images, int seed = 3, string? folder = null, string identity = "a network")
        {
            using var scope = NewDisposeScope();
            using var generator = new Generator((ulong)seed, CPU);
            using var weights = new Generator(1, CPU);
            var bytes = randint(0, 256, [images, 3, Side, Side], ScalarType.Byte, generator: generator);
            set = new("set", bytes, new long[images]);
            network = new(new ImageClassifier(new(3, 3, [16]), CPU, weights), identity, 3, Side);
            Folder = folder ?? temporary["cache"];
        }

        public string Folder { get; }

        public int Computed => computed;

        public List<string> Notes { get; } = [];

        public ImageSetFeatures Compute(Action? onBatch = null) =>
            ImageSetFeatures.Read(set, network, EvaluationProtocol.Clean, CPU, (_, _) => onBatch?.Invoke());

        public ImageSetFeatures Get(EvaluationProtocol? protocol = null, Action? before = null)
        {
            var by = protocol ?? EvaluationProtocol.Clean;
            return new FeatureCache(Folder).Get(
                set,
                network,
                by,
                CPU,
                () =>
                {
                    before?.Invoke();
                    Interlocked.Increment(ref computed);
                    return ImageSetFeatures.Read(set, network, by, CPU);
                },
                note =>
                {
                    lock (gate)
                        Notes.Add(note);
                }
            );
        }

        public void Dispose()
        {
            network.Dispose();
            set.Dispose();
            temporary.Dispose();
        }
    }
}
