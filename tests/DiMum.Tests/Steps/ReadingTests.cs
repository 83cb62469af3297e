using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Studies.Traps;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Steps;

/// <summary>What each reading changes, switch by switch, and the ways of loaders and maps.</summary>
[NonParallelizable]
public class ReadingTests
{
    private static readonly Balance Equal = new(1, 1);

    [TestCase(MethodReading.AsReleased, "as-released:")]
    [TestCase(MethodReading.AsReleasedInUnlearnCanvas, "as-released-in-unlearn-canvas:")]
    public void A_reading_that_can_not_be_had_is_named_as_it_was_asked_for(MethodReading reading, string named) =>
        Assert.That(MethodReadings.Refused("M", reading, "why").Message, Is.EqualTo($"M can't be read {named} why; use as-published"));

    [TestCase(MethodReading.AsPublished, true, true, Loader.Shuffled, BenignCondition.Alternative, LossReduction.SumPerImage)]
    [TestCase(MethodReading.AsReleased, true, true, Loader.WholeEpochs, BenignCondition.Alternative, LossReduction.SumPerImage)]
    [TestCase(
        MethodReading.AsReleasedInUnlearnCanvas,
        false,
        false,
        Loader.FirstBatch,
        BenignCondition.OfRetainBatch,
        LossReduction.MeanAll
    )]
    public void SalUn(MethodReading reading, bool masks, bool clips, Loader loader, BenignCondition benign, LossReduction retain)
    {
        var read = SalUnReading.Of(reading);
        Assert.That((read.Masks, read.Clips, read.Loader), Is.EqualTo((masks, clips, loader)));
        Assert.That((read.Relabelling.Benign, read.RetainReduction), Is.EqualTo((benign, retain)));
    }

    [TestCase(MethodReading.AsPublished, false, false, false, true, false, true, true)]
    [TestCase(MethodReading.AsReleased, true, false, true, false, true, false, true)]
    [TestCase(MethodReading.AsReleasedInUnlearnCanvas, true, true, true, false, false, true, false)]
    public void EraseDiff(MethodReading reading, bool whole, bool outer, bool shared, bool clipsInner, bool time, bool drops, bool clips)
    {
        var read = EraseDiffLoop.Of(reading);
        Assert.That(
            (read.WholePasses, read.OuterAfterEachPass, read.SharedMoments, read.ClipsInner, read.SharesTime, read.DropsRetain, read.Clips),
            Is.EqualTo((whole, outer, shared, clipsInner, time, drops, clips))
        );
    }

    [TestCase(MethodReading.AsPublished, 1.0, 3)]
    [TestCase(MethodReading.AsPublished, 0.0, 1)]
    [TestCase(MethodReading.AsReleased, 0.0, 3)]
    [TestCase(MethodReading.AsReleasedInUnlearnCanvas, 1.0, 2)]
    public void EraseDiff_s_optimiser_steps_an_iteration(MethodReading reading, double unlearning, int steps) =>
        Assert.That((new EraseDiff(new(1, unlearning), 2) { Loop = EraseDiffLoop.Of(reading) }).UpdatesPerIteration, Is.EqualTo(steps));

    [TestCase(MethodReading.AsPublished, true, Loader.Shuffled)]
    [TestCase(MethodReading.AsReleasedInUnlearnCanvas, false, Loader.FirstBatch)]
    public void Scissorhands_clips_as_published_only(MethodReading reading, bool clips, Loader loader)
    {
        var read = ScissorhandsReading.Of(reading);
        Assert.That((read.Clips, read.Loader), Is.EqualTo((clips, loader)));
    }

    [Test]
    public void Scissorhands_in_UnlearnCanvas_refills_weights_with_a_deviation_of_a_fiftieth_and_biases_with_zeros()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1, CPU);
        var fresh = ScissorhandsReading.Of(MethodReading.AsReleasedInUnlearnCanvas).Fresh;
        var weight = fresh(new Parameter("a.weight", [40, 100], Init.Ones), generator);
        Assert.That(weight.std().item<double>(), Is.EqualTo(0.02).Within(0.001));
        Assert.That(weight.shape, Is.EqualTo(new long[] { 40, 100 }));
        Assert.That(fresh(new Parameter("a.bias", [7], Init.Ones), generator).abs().max().ToDouble(), Is.Zero);
    }

    [TestCase(MethodReading.AsPublished, Loader.Shuffled)]
    [TestCase(MethodReading.AsReleased, Loader.WholeEpochs)]
    public void SFR_on_reads_whole_epochs_as_released(MethodReading reading, Loader loader) =>
        Assert.That(new SfrOn(Equal, true, 0.5, 1, Guidance.None) { Read = reading }.Loader, Is.EqualTo(loader));

    private sealed class Plain : IUnlearningMethod
    {
        public string Name => "plain";
        public string Reading => "as published";
        public string Source => "none";

        public IUpdateRule Prepare(UnlearningContext context) => throw new NotSupportedException();
    }

    [Test]
    public void A_method_that_says_no_more_starts_from_the_pre_trained_weights_steps_once_shuffles_and_clips()
    {
        IUnlearningMethod method = new Plain();
        Assert.That((method.StartsFromScratch, method.Reinitialises, method.Clips), Is.EqualTo((false, false, true)));
        Assert.That((method.UpdatesPerIteration, method.Loader), Is.EqualTo((1, Loader.Shuffled)));
    }

    [TestCase(-1, 0)]
    [TestCase(3, 0)]
    [TestCase(0, -1)]
    [TestCase(0, 3)]
    public void A_condition_map_stays_among_the_conditions(int key, int value) =>
        Assert.That(
            () => new ConditionMap(new Dictionary<int, int> { [1] = 1, [key] = value }, 3, CPU),
            Throws.ArgumentException.With.Message.Contains("outside 0…2")
        );

    [Test]
    public void A_condition_map_gives_each_its_own_and_refuses_those_without()
    {
        using var scope = NewDisposeScope();
        using var map = new ConditionMap(new Dictionary<int, int> { [0] = 2, [2] = 0 }, 3, CPU);
        Assert.That(map.Of(new(tensor(new long[] { 2, 0, 2 })), 0).Value.data<long>().ToArray(), Is.EqualTo(new long[] { 0, 2, 0 }));
        Assert.That(() => map.Of(new(tensor(new long[] { 0, 1 })), 0), Throws.ArgumentException.With.Message.Contains("no alternative"));
    }

    private static SeededBatches Batches(TrapScene scene, Loader loader, int size, double drop = 0, bool flip = true) =>
        new(scene.Schedule, new DrawSettings(size, DropProbability: drop, Flip: flip, Loader: loader), scene.Seed, CPU);

    private static float[] Clean(NoisedBatch batch) => batch.Clean.data<float>().ToArray();

    [Test]
    public void Frozen_flips_stay_from_epoch_to_epoch_and_in_passes_and_fresh_ones_do_not()
    {
        using var scene = new TrapScene();
        using var scope = NewDisposeScope();
        var pairing = Pairing.Forget(scene.Train, new HashSet<int> { 3 });
        var size = pairing.Count / 3 + 1; // 3 batches, the last one smaller
        float[][] Epoch(IBatchSource batches, int epoch) =>
            [.. Enumerable.Range(0, 3).Select(k => Clean(batches.Next(pairing, 3 * epoch + k)))];
        string[] Images(float[][] epoch) => [.. epoch.SelectMany(b => b.Chunk(64)).Select(i => string.Join(' ', i)).Order()];

        var frozen = Batches(scene, Loader.WholeEpochs, size);
        var first = Epoch(frozen, 0);
        Assert.That(Images(Epoch(frozen, 1)), Is.EqualTo(Images(first)));
        Assert.That(frozen.PassLength(pairing), Is.EqualTo(3));
        float[] passed = [.. frozen.Pass(pairing).SelectMany(Clean)];
        Assert.That(passed, Is.EqualTo(first.SelectMany(b => b)));

        string[] unflipped = Images(Epoch(Batches(scene, Loader.WholeEpochs, size, flip: false), 0));
        var kept = Images(first).Intersect(unflipped).Count();
        Assert.That((double)kept / pairing.Count, Is.EqualTo(0.5).Within(0.2), "about half are mirrored");
        var anew = Batches(scene, Loader.Shuffled, pairing.Count);
        Assert.That(
            Images([Clean(anew.Next(pairing, 0))]),
            Is.Not.EqualTo(Images([Clean(anew.Next(pairing, 1))])),
            "shuffled loaders mirror anew"
        );
    }

    [Test]
    public void Nothing_is_dropped_at_probability_zero_and_all_at_one()
    {
        using var scene = new TrapScene();
        using var scope = NewDisposeScope();
        var pairing = Pairing.Forget(scene.Train, new HashSet<int> { 3 });
        Assert.That(Batches(scene, Loader.Shuffled, 8).Next(pairing, 0).Condition.Keep, Is.Null);
        Assert.That(Batches(scene, Loader.Shuffled, 8, drop: 1).Next(pairing, 0).Condition.Keep!.any().item<bool>(), Is.False);
    }

    [TestCase(0.0)]
    [TestCase(2.0)]
    public void ESD_looks_without_dropout_at_what_its_guidance_asks_for(double weight)
    {
        using var scene = new TrapScene();
        using var scope = NewDisposeScope();
        using var generator = scene.Seed.At("dropping").Generator();
        using var model = new ClassConditionalUNet(new UNetConfig(10, 8, 1, 16, [1], 1, [], 0.5, 8, NullCondition.Learned), CPU, generator);
        model.SeedDropout(scene.Seed);
        model.Training = true;
        var context = scene.Context(model, batch: 2);
        var batch = context.Batches.Next(context.Forget, 0);
        (Tensor X, long T) Look() => new EsdWay(Guidance.ByWeight(weight), 10, EsdLatent.Clean).Denoised(context, batch, batch.Condition);
        var (first, second) = (Look(), Look());
        Assert.That(first.X.equal(second.X).all().item<bool>(), "no dropout");
        Assert.That(model.Training, "and it drops again afterwards");
        var calls = 0;
        using var counted = new WatchedDenoiser(model, _ => calls++);
        _ = new EsdWay(Guidance.ByWeight(weight), 10, EsdLatent.Clean).Denoised(scene.Context(counted, batch: 2), batch, batch.Condition);
        Assert.That(calls, Is.EqualTo(weight == 0 ? 9 : 18), "ε_∅ is asked for where guidance needs it");
    }
}
