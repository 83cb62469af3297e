using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Runs;
using DiMum.Runs.Stages;
using DiMum.Tests.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Runs;

/// <summary>The attacker's synthesised images: kept batch by batch, and the same bits whether or not their making was stopped.</summary>
[NonParallelizable]
public class SynthesisTests
{
    // Seeds go by chunks of 1000 images, batches begin anew in each.
    [Test]
    public void Images_are_those_of_whole_chunks_made_at_once()
    {
        using var folder = new TempFolder();
        using var scene = new Scene(folder.Root, 1010, 300);
        using var made = scene.Images();
        using var scope = NewDisposeScope();
        using var model = scene.Pretrain.Load("pretrain/init");
        var bench = scene.Context.Bench;
        var chunks = made.LabelArray()
            .Chunk(1000)
            .Select((some, i) => bench.Generation.Images(model, some, scene.Context.Subject.Shape, bench.Seed.At("synthesise", 1000 * i)));
        var expected = cat([.. chunks.Select(Pixels.ToBytes)]);
        Assert.That(made.LabelArray(), Has.None.EqualTo(3));
        Assert.That(made.Images.bytes.SequenceEqual(expected.bytes));
    }

    [TestCase(1)]
    [TestCase(3)]
    public void A_synthesis_stopped_after_some_batches_goes_on_with_the_next(int batches)
    {
        using var folder = new TempFolder();
        byte[] whole;
        using (var scene = new Scene(folder["whole"], 60, 16))
        using (var images = scene.Images())
            whole = images.Images.bytes.ToArray();

        using var cancel = new CancellationTokenSource();
        using (var scene = new Scene(folder["broken"], 60, 16, new WatchingObserver("synthesise", 16 * batches, cancel), cancel.Token))
            Assert.That(scene.Images, Throws.InstanceOf<OperationCanceledException>());
        var written = Written(folder["broken"]);
        Assert.That(written, Has.Count.EqualTo(batches));

        var second = new WatchingObserver("synthesise", null, cancel);
        using (var scene = new Scene(folder["broken"], 60, 16, second))
        using (var images = scene.Images())
            Assert.That(images.Images.bytes.ToArray(), Is.EqualTo(whole));
        Assert.That(
            (second.Began, second.First),
            Is.EqualTo((16 * batches, Math.Min(60, 16 * (batches + 1)))),
            "where the second run begins"
        );
        var after = Written(folder["broken"]);
        Assert.That(after, Has.Count.EqualTo(4));
        foreach (var (file, time) in written)
            Assert.That(after[file], Is.EqualTo(time), file);
    }

    [Test]
    public void A_chunk_kept_whole_by_a_run_of_before_is_taken_as_it_is()
    {
        using var folder = new TempFolder();
        using var scene = new Scene(folder.Root, 60, 16);
        using var scope = NewDisposeScope();
        var kept = randint(0, 256, [60, 1, 8, 8], ScalarType.Byte);
        var file = scene.Context.Keys.Synthesise().File("images-0000000-60.safetensors");
        Safetensors.Write(file, new Dictionary<string, Tensor> { ["images"] = kept });
        using var images = scene.Images();
        Assert.That(images.Images.bytes.SequenceEqual(kept.bytes));
        Assert.That(Written(folder.Root), Has.Count.EqualTo(1));
    }

    [Test]
    public void Images_that_are_made_and_images_that_are_read_back_leave_nothing_else()
    {
        static long Live() => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        using var folder = new TempFolder();
        using var scene = new Scene(folder.Root, 60, 16);
        using (scene.Pretrain.Load("pretrain/init")) { }
        for (var i = 0; i < 3; i++)
        {
            var before = Live();
            using (scene.Images())
                Assert.That(Live() - before, Is.EqualTo(2), "live tensors: images and labels");
            Assert.That(Live(), Is.EqualTo(before));
        }
    }

    private static Dictionary<string, DateTime> Written(string folder) =>
        Directory
            .GetFiles(folder, "images-*.safetensors", SearchOption.AllDirectories)
            .ToDictionary(f => Path.GetFileName(f), File.GetLastWriteTimeUtc);

    /// <summary>The stages up to synthesis, in a run folder.</summary>
    private sealed class Scene : IDisposable
    {
        public Scene(string folder, int images, int batch, IRunObserver? observer = null, CancellationToken cancel = default)
        {
            var experiment = TinyExperiment.Settings($"attack.synthetic-images={images}", $"sampling.batch-size={batch}");
            Context = new(new Workbench(experiment), folder, observer ?? new SilentObserver(), cancel);
            Pretrain = new(Context);
        }

        public StageContext Context { get; }
        public PretrainStage Pretrain { get; }

        public Dataset Images() => new Synthesis(Context, Pretrain).Images();

        public void Dispose()
        {
            Context.Dispose();
            Context.Bench.Dispose();
        }
    }
}
