using DiMum.Attacks;
using DiMum.Checkpoints;
using DiMum.Runs;
using DiMum.Tests.Data;
using NUnit.Framework;
using static TorchSharp.torch;

namespace DiMum.Tests.Runs;

/// <summary>What a method says of its optimiser reaches training, and another way to measure changes what is measured and no weight.</summary>
public class VariantTests
{
    private static readonly string[] Released =
    [
        "unlearn.methods.0.name=concept-ablation",
        "unlearn.methods.0.reading=as-released",
        "unlearn.methods.0.denoising-steps=2",
        "unlearn.methods.0.retain=0",
    ];

    /// <summary>With weights of 0 there is no gradient, so that decay is all that happens.</summary>
    [Test]
    public void A_decay_that_a_method_claims_reaches_the_selected_weights_alone()
    {
        const double rate = 0.5;
        using var folder = new TempFolder();
        using var run = TinyExperiment.Run(
            folder.Root,
            [.. Released, "unlearn.methods.0.unlearning=0", $"unlearn.methods.0.rate={rate}", "unlearn.methods.0.parameters=classes_emb*"]
        );
        run.All();
        using var scope = NewDisposeScope();
        var (before, after) = (Of("pretrain-*"), Of("unlearn-concept-ablation-*"));
        var factor = Math.Pow(1 - rate * 1e-2, 2); // λ = 1e-2, two iterations
        foreach (var (name, weight) in after)
            if (name.StartsWith("classes_emb", StringComparison.Ordinal))
                Assert.That((weight - before[name] * factor).abs().max().item<float>(), Is.LessThan(1e-6f), name);
            else
                Assert.That(weight.bytes.SequenceEqual(before[name].bytes), name);

        Dictionary<string, Tensor> Of(string stage) => Weights(Directory.GetDirectories(folder["stages"], stage).Single());
    }

    [Test]
    public void Another_way_to_measure_has_stages_of_its_own_and_the_same_weights()
    {
        using var scope = NewDisposeScope();
        using var folder = new TempFolder();
        Experiment experiment;
        using (var plain = TinyExperiment.Run(folder.Root))
            experiment = plain.Experiment;
        var usual = Ar(null);
        Assert.That(Ar(new("every-guess", images => images, TopK: 10)), Is.EqualTo(1));
        var seen = new List<long>();
        Assert.That(Ar(new("watched", Watched)), Is.EqualTo(usual));
        Assert.That(seen, Does.Contain(20).And.Contain(45), "images of the unlearned class, and of the retained ones");
        var models = Directory.GetDirectories(folder["stages"], "unlearn-DiMUM-*").Select(Weights).ToList();
        Assert.That(models, Has.Count.EqualTo(3));
        foreach (var (name, weight) in models[0])
            Assert.That(models.TrueForAll(m => m[name].bytes.SequenceEqual(weight.bytes)), name);

        double Ar(MeasuringVariant? measuring)
        {
            using var run = new Run(experiment, folder.Root, new SilentObserver(), default, measuring);
            return run.Compare(experiment.Unlearn.Methods[0], null, Assumption.RetainSet).Result.Final.ArUnlearned.Value;
        }

        Tensor Watched(Tensor images)
        {
            seen.Add(images.shape[0]);
            return images;
        }
    }

    private static Dictionary<string, Tensor> Weights(string stage) => Safetensors.Read(Path.Combine(stage, "model.safetensors")).Tensors;
}
