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

/// <summary>What a step does besides its equation: dropout, masks, names.</summary>
[NonParallelizable]
public class StepDetailTests
{
    private static readonly Balance Equal = new(1, 1);
    private TrapScene scene = null!;

    [SetUp]
    public void Open() => scene = new();

    [TearDown]
    public void Close() => scene.Dispose();

    private ClassConditionalUNet Dropping()
    {
        using var generator = scene.Seed.At("dropping").Generator();
        return new(new UNetConfig(10, 8, 1, 16, [1], 1, [], 0.5, 8, NullCondition.Learned), CPU, generator);
    }

    private float[] Predicted(ClassConditionalUNet model)
    {
        using var scope = NewDisposeScope();
        var x = ones(2, 1, 8, 8);
        return model.Predict(x, full(2, 5, ScalarType.Int64), new(zeros(2, ScalarType.Int64))).detach().data<float>().ToArray();
    }

    [Test]
    public void Frozen_weights_predict_without_dropout_and_the_network_drops_again_afterwards()
    {
        using var model = Dropping();
        using var frozen = new FrozenWeights(model);
        model.SeedDropout(scene.Seed);
        model.Training = true;
        float[] Once()
        {
            float[] seen = [];
            using var nothing = frozen.Under(() =>
            {
                seen = Predicted(model);
                return zeros(1);
            });
            return seen;
        }

        Assert.That(Once(), Is.EqualTo(Once()));
        Assert.That(model.Training);
        Assert.That(Predicted(model), Is.Not.EqualTo(Predicted(model)));
    }

    [Test]
    public void A_training_step_drops_by_its_seed_alone()
    {
        double Loss(bool trained, long noise)
        {
            using var scope = NewDisposeScope();
            using var model = Dropping();
            model.Training = false;
            model.SeedDropout(new Seed(noise));
            var context = scene.Context(model);
            var rule = new RetainOnly(false).Prepare(context);
            if (!trained)
                return context.Loss(context.Retain, 0).item<float>();
            using var trainer = new Trainer(model, rule, new(1, new LearningRate(0)), new Seed(1));
            return trainer.Step().Loss;
        }

        Assert.That(Loss(true, 5), Is.EqualTo(Loss(true, 6)), "what was drawn before does not matter");
        Assert.That(Loss(true, 5), Is.Not.EqualTo(Loss(false, 5)), "it does drop");
    }

    // θ before and after one step of a rule, [n] each.
    private static (Tensor Before, Tensor After) Step(ClassConditionalUNet model, IUpdateRule rule)
    {
        var before = model.Parameters.Snapshot();
        using var trainer = new Trainer(model, rule, new(1, new LearningRate(1e-2)), new Seed(1));
        trainer.Step();
        return (before, model.Parameters.Snapshot());
    }

    [Test]
    public void Gradient_ascent_under_a_mask_moves_what_is_marked_and_its_mask_dies_with_it()
    {
        using var scope = NewDisposeScope();
        using var model = scene.Network();
        var mask = TrapScene.HalfMask(model).DetachFromDisposeScope();
        var rule = new GradientAscent(Equal).Rule(scene.Context(model), mask);
        var (before, after) = Step(model, rule);
        var moved = before.ne(after);
        Assert.That(moved.logical_and(mask.eq(0)).any().item<bool>(), Is.False);
        Assert.That(moved.logical_and(mask.eq(1)).any().item<bool>());
        rule.Dispose();
        Assert.That(mask.IsInvalid);
    }

    [TestCase(MethodReading.AsPublished, true)]
    [TestCase(MethodReading.AsReleased, true)]
    [TestCase(MethodReading.AsReleasedInUnlearnCanvas, false)]
    public void The_mask_of_SalUn_reaches_the_gradient_but_in_UnlearnCanvas_s_program(MethodReading reading, bool masks) =>
        Assert.That(SalUnReading.Of(reading).Masks, Is.EqualTo(masks));

    [Test]
    public void Erase_diff_as_published_drops_retained_conditions_and_clips()
    {
        var published = EraseDiffLoop.Of(MethodReading.AsPublished);
        Assert.That((published.DropsRetain, published.Clips, published.ClipsInner), Is.EqualTo((true, true, true)));
    }

    [Test]
    public void Methods_say_which_way_they_are()
    {
        var (retrain, tune) = (new RetainOnly(true), new RetainOnly(false));
        Assert.That((retrain.Name, tune.Name), Is.EqualTo(("retrain", "fine-tune-retain")));
        Assert.That(retrain.Source, Does.StartWith("Eq. (4)").And.Contain("fresh"));
        Assert.That(tune.Source, Does.StartWith("Eq. (8)").And.Contain("pre-trained"));
    }

    [TestCase(0, "no projection")]
    [TestCase(5, "2 references, projected every 5 iterations")]
    public void Scissorhands_says_how_it_projects(int every, string says) =>
        Assert.That(new Scissorhands(Equal, 0.9, 1, 2, every).Source, Does.Contain(says));

    [TestCase(1.0, false)]
    [TestCase(0.5, true)]
    public void Scissorhands_trims_unless_all_weights_are_kept(double sparsity, bool trims)
    {
        using var scope = NewDisposeScope();
        using var model = scene.Network();
        var before = model.Parameters.Snapshot();
        var method = new Scissorhands(Equal, sparsity, 1, 1, 0);
        method.Prepare(scene.Context(model)).Dispose();
        Assert.That(method.Reinitialises, Is.EqualTo(trims));
        Assert.That(model.Parameters.Snapshot().ne(before).any().item<bool>(), Is.EqualTo(trims));
    }

    [TestCase(MethodReading.AsPublished, false)]
    [TestCase(MethodReading.AsReleasedInUnlearnCanvas, true)]
    public void Only_UnlearnCanvas_s_Scissorhands_counts_its_projections_from_each_pass(MethodReading reading, bool counts) =>
        Assert.That(ScissorhandsReading.Of(reading).CountsFromPass, Is.EqualTo(counts));
}
