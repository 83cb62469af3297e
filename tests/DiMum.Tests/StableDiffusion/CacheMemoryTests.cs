using DiMum.Data;
using DiMum.StableDiffusion;
using DiMum.Tests.Data;
using NUnit.Framework;
using TorchSharp;

namespace DiMum.Tests.StableDiffusion;

/// <summary>What is read back from disk, and what is put together of it, leaves no tensor once its owner is gone.</summary>
[NonParallelizable]
public class CacheMemoryTests
{
    private TextWorld world = null!;
    private TempFolder folder = null!;

    [SetUp]
    public void Make() => (world, folder) = (new TextWorld(), new TempFolder());

    [TearDown]
    public void Clean()
    {
        world.Dispose();
        folder.Dispose();
    }

    [Test]
    public void Latents_leave_nothing_when_they_are_made_and_when_they_are_found()
    {
        for (var i = 0; i < 3; i++)
            LeavesNothing(() =>
            {
                using var latents = LatentCode.Encode(world.Autoencoder, world.Images, folder.Root);
                Assert.That(latents.Count, Is.EqualTo(24));
            });
        Assert.That(Directory.GetFiles(folder.Root), Has.Length.EqualTo(1));
    }

    [Test]
    public void Text_features_leave_nothing_when_they_are_made_and_when_they_are_found()
    {
        using var pipeline = TinyPipeline.Make();
        for (var i = 0; i < 3; i++)
            LeavesNothing(() =>
            {
                using var table = PromptTable.Encode(pipeline.Tokenizer, pipeline.TextEncoder, TextWorld.Texts, cache: folder.Root);
                Assert.That(table.Features.shape[0], Is.EqualTo(6));
            });
        Assert.That(Directory.GetFiles(folder.Root), Has.Length.EqualTo(1));
    }

    [Test]
    public void A_memorization_set_has_no_tensor_of_its_own()
    {
        LeavesNothing(() =>
        {
            var pairing = Pairing.Memorization(world.Latents, TextWorld.Replacement.ToDictionary(r => r.Value, r => r.Key));
            var (images, conditions) = pairing.Read(world.Seed).Batch(3, 4);
            using (images)
            using (conditions)
                Assert.That(conditions.data<long>().ToArray(), Has.All.LessThan(2));
        });
    }

    private static void LeavesNothing(Action work)
    {
        static long Live() => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        var before = Live();
        work();
        Assert.That(Live() - before, Is.Zero, "live tensors");
    }
}
