using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Studies.Traps;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Steps;

/// <summary>Which batches EraseDiff and Scissorhands ask for, in which order, and what they do with them.</summary>
[NonParallelizable]
public class BatchOrderTests
{
    private static readonly Balance Equal = new(1, 1);
    private TrapScene scene = null!;
    private ClassConditionalUNet model = null!;

    [SetUp]
    public void Open()
    {
        scene = new();
        model = scene.Network();
    }

    [TearDown]
    public void Close()
    {
        model.Dispose();
        scene.Dispose();
    }

    // Passes of three batches of D_u; notes what is asked for: f3 is D_u's batch 3, r1 D_r's batch 1, c1 the conditions of D_r's batch 1.
    private sealed class Noted(IBatchSource inner, List<string> log) : IBatchSource
    {
        public NoisedBatch Next(Pairing pairing, int step)
        {
            log.Add($"{pairing.Name[0]}{step}");
            return inner.Next(pairing, step);
        }

        public IEnumerable<NoisedBatch> Pass(Pairing pairing) => inner.Pass(pairing);

        public int PassLength(Pairing pairing) => 3;

        public Condition Conditions(Pairing pairing, int step)
        {
            log.Add($"c{step}");
            return inner.Conditions(pairing, step);
        }

        public Condition Redrop(Condition condition, string purpose, int step) => inner.Redrop(condition, purpose, step);
    }

    private (UnlearningContext Context, List<string> Log) Context(double drop = 0)
    {
        List<string> log = [];
        var context = scene.Context(model, batch: 4);
        var batches = new SeededBatches(scene.Schedule, new DrawSettings(4, DropProbability: drop), scene.Seed, CPU);
        return (context with { Batches = new Noted(batches, log) }, log);
    }

    private Trainer Trainer(IUpdateRule rule) => new(model, rule, new(20, new LearningRate(1e-3)), new Seed(1));

    [Test]
    public void EraseDiff_as_released_goes_twice_over_D_u_and_then_on_while_it_descends()
    {
        var (context, log) = Context();
        using var rule = new EraseDiff(Equal, 2) { Loop = EraseDiffLoop.Of(MethodReading.AsReleased) }.Prepare(context);
        using var trainer = Trainer(rule);
        for (var i = 0; i < 4; i++)
            trainer.Step();
        // Two passes, three outer steps on the next pass; the second section begins after them.
        Assert.That(string.Join(' ', log), Is.EqualTo("f0 f1 f2 f3 f4 f5 r0 f6 r1 f7 r2 f8 f9 f10 f11 f12 f13 f14 r3 f15"));
    }

    [Test]
    public void EraseDiff_in_UnlearnCanvas_descends_after_each_pass_and_starts_anew_after_both()
    {
        var (context, log) = Context();
        using var rule = new EraseDiff(Equal, 2) { Loop = EraseDiffLoop.Of(MethodReading.AsReleasedInUnlearnCanvas) }.Prepare(context);
        using var trainer = Trainer(rule);
        using var first = model.Parameters.Snapshot();
        void Run(int steps)
        {
            for (var i = 0; i < steps; i++)
                trainer.Step();
        }

        bool StartIs(Tensor values) => rule.Memory["start"].equal(values).all().item<bool>();
        Run(3);
        Assert.That(string.Join(' ', log), Is.EqualTo("f0 c0 f1 c1 f2 c2 r0 f3 c0 r1 f4 c1 r2 f5 c2"));
        Assert.That(StartIs(first), "one pass and its descent");
        log.Clear();
        Run(3);
        Assert.That(string.Join(' ', log), Is.EqualTo("f6 c3 f7 c4 f8 c5 r3 f9 c3 r4 f10 c4 r5 f11 c5"));
        Assert.That(StartIs(first), "the second pass is taken back to the same weights");
        using var sixth = model.Parameters.Snapshot();
        Run(1);
        Assert.That(StartIs(sixth), "and the next two passes to those of now");
        Run(5);
        using var twelfth = model.Parameters.Snapshot();
        Run(1);
        Assert.That(StartIs(twelfth));
    }

    [Test]
    public void A_loop_of_single_batches_has_nothing_to_remember()
    {
        using var rule = new EraseDiff(Equal, 2).Prepare(Context().Context);
        Assert.That(rule.Memory, Is.Empty);
    }

    // ∅ in place of every condition (at drop probability 1) or of none.
    [TestCase(MethodReading.AsPublished, true)]
    [TestCase(MethodReading.AsReleased, false)]
    [TestCase(MethodReading.AsReleasedInUnlearnCanvas, true)]
    public void EraseDiff_drops_retained_conditions_unless_as_released(MethodReading reading, bool drops)
    {
        var (context, log) = Context(drop: 1);
        var seen = new Dictionary<string, bool>();
        using var watched = new WatchedDenoiser(model, c => seen.TryAdd(log[^1], c.Keep is { } keep && !keep.any().item<bool>()));
        using var rule = new EraseDiff(Equal, 1) { Loop = EraseDiffLoop.Of(reading) }.Prepare(context with { Model = watched });
        using var trainer = Trainer(rule);
        trainer.Step();
        Assert.That(seen["r0"], Is.EqualTo(drops));
    }

    [Test]
    public void EraseDiff_s_adaptive_weight_is_of_the_selected_weights_gradients()
    {
        using var scope = NewDisposeScope();
        var mask = TrapScene.HalfMask(model);
        var seen = new List<(double, double)>();
        var context = Context().Context with { Selected = mask, WeightSeen = (lambda, cosine) => seen.Add((lambda, cosine)) };
        // No inner pass moves anything at rate 0.
        using var rule = new EraseDiff(Equal, 1, Margin: 0.4).Prepare(context);
        using var trainer = new Trainer(model, rule, new(1, new LearningRate(0)), new Seed(1));
        trainer.Step();

        var retain = context.Batches.Next(context.Retain, 0);
        var forget = context.Batches.Next(context.Forget, 1);
        var r = TrapScene.Gradient(model, () => EpsilonLoss.Of(model, scene.Schedule, retain, LossReduction.SumPerImage)) * mask;
        var f = TrapScene.Gradient(model, () => new Relabelling(LossReduction.SumPerImage).Loss(context, forget, 1, 0)) * mask;
        var cosine = (r * f).sum().ToDouble() / (r.norm().ToDouble() * f.norm().ToDouble());
        Assert.That(seen, Has.Count.EqualTo(1));
        Assert.That(seen[0].Item2, Is.EqualTo(cosine).Within(1e-4));
        Assert.That(seen[0].Item1, Is.EqualTo(Math.Max(0, 0.4 - cosine)).Within(1e-4));
        var whole = TrapScene.Gradient(model, () => EpsilonLoss.Of(model, scene.Schedule, retain, LossReduction.SumPerImage));
        Assert.That(whole.norm().ToDouble(), Is.GreaterThan(1.1 * r.norm().ToDouble()), "the selection matters here");
    }

    // Both readings project every second iteration; UnlearnCanvas counts them from each pass of three.
    [TestCase(MethodReading.AsPublished, new[] { 0, 2, 4, 6 })]
    [TestCase(MethodReading.AsReleasedInUnlearnCanvas, new[] { 0, 2, 3, 5, 6 })]
    public void Scissorhands_projects_when_its_reading_says(MethodReading reading, int[] expected)
    {
        var (context, log) = Context();
        var method = new Scissorhands(new(1, 1), 1, 2, 3, 2) { Read = ScissorhandsReading.Of(reading) };
        using var rule = method.Prepare(context);
        Assert.That(string.Join(' ', log), Is.EqualTo("f2 f3 f4"), "references follow the batches of the saliency");
        List<int> projected = [];
        for (var k = 0; k < 7; k++)
            if (Projects(rule.Updates(k).Single().Transform))
                projected.Add(k);
        Assert.That(projected, Is.EqualTo(expected));

        // A gradient that points against the references changes its direction where it is projected.
        bool Projects(GradientTransform transform)
        {
            using var scope = NewDisposeScope();
            var along = TrapScene.Gradient(
                model,
                () => EpsilonLoss.Of(model, scene.Schedule, context.Batches.Next(context.Forget, 2), method.Read.Relabelling.Reduction)
            );
            var changed = along.clone();
            transform.Apply(changed);
            return (along * changed).sum().ToDouble() < 0.999 * along.norm().ToDouble() * changed.norm().ToDouble();
        }
    }

    // The margin of the projection is no share of a reference's length, so a clipped reference would be another one.
    [Test]
    public void Scissorhands_references_are_not_clipped()
    {
        using var scope = NewDisposeScope();
        double[,]? p = null;
        var context = Context().Context with { ProjectionSeen = (seen, _, _) => p = seen };
        using var rule = new Scissorhands(new(1, 1), 1, 2, 1, 1).Prepare(context);
        var length = TrapScene
            .Gradient(
                model,
                () => EpsilonLoss.Of(model, scene.Schedule, context.Batches.Next(context.Forget, 2), LossReduction.SumPerImage)
            )
            .norm()
            .ToDouble();
        var along = TrapScene.Gradient(
            model,
            () => EpsilonLoss.Of(model, scene.Schedule, context.Batches.Next(context.Forget, 2), LossReduction.SumPerImage)
        );
        rule.Updates(0).Single().Transform.Apply(along);
        Assert.That(length, Is.GreaterThan(1.5), "it would be clipped to 1");
        Assert.That(p![0, 0], Is.EqualTo(length * length + 1e-3).Within(0.1).Percent);
    }

    [Test]
    public void A_selection_is_of_patterns_that_are_there_and_of_their_case()
    {
        Assert.That(() => ParameterSelection.Parse(" , "), Throws.TypeOf<UserError>().With.Message.Contains("parameters is empty"));
        Assert.That(ParameterSelection.Parse("*.bias").Includes("a.bias"));
        Assert.That(ParameterSelection.Parse("*.BIAS").Includes("a.bias"), Is.False);
    }
}
