using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Nets;
using DiMum.Studies.Traps;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Steps;

/// <summary>Whatever puts a network into evaluation mode leaves it in the mode it was found in, also where the network fails.</summary>
[NonParallelizable]
public class EvaluationModeTests
{
    private static readonly Dictionary<string, Action<UnlearningContext>> Users = new()
    {
        ["images"] = c => new Generation(c.Schedule, new Ddim { Steps = 2 }, Guidance.None).Images(c.Model, [0], (1, 8, 8), c.Seed),
        ["frozen copy"] = c =>
        {
            using var frozen = new FrozenWeights(c.Model);
            frozen.Under(() => Prediction(c));
        },
        ["gradient of a batch"] = c => BatchGradient.Take(c, () => Prediction(c).sum(), clips: false, _ => { }),
        ["ESD's latent"] = c => new EsdWay(Guidance.None, 2, EsdLatent.Aligned).Denoised(c, Batch(c), Batch(c).Condition),
        ["anchor images"] = c => new AnchorImages(1, Guidance.None, 2).Generate(c).Dispose(),
    };

    [Test]
    public void A_network_is_as_it_was_found([ValueSource(nameof(Names))] string user, [Values] bool training, [Values] bool fails)
    {
        using var scope = NewDisposeScope();
        using var scene = new TrapScene();
        using var inner = scene.Network();
        var seen = 0;
        using var model = new WatchedDenoiser(
            inner,
            _ =>
            {
                Assert.That(inner.Training, Is.False);
                seen++;
                if (fails)
                    throw new InvalidOperationException("the network fails");
            }
        );
        inner.Training = training;
        void Use() => Users[user](scene.Context(model));
        if (fails)
            Assert.That(Use, Throws.InvalidOperationException);
        else
            Use();
        Assert.That((seen > 0, inner.Training), Is.EqualTo((true, training)));
    }

    private static IEnumerable<string> Names() => Users.Keys;

    private static NoisedBatch Batch(UnlearningContext context) => context.Batches.Next(context.Forget, 0);

    private static Tensor Prediction(UnlearningContext context) => EpsilonLoss.Predict(context.Model, context.Schedule, Batch(context));
}
