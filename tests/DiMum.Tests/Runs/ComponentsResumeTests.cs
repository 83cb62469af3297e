using DiMum.Runs;
using DiMum.Tests.Data;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>Autoencoder, text encoder and classifiers, stopped at any step, go on from there and end at the same bits.</summary>
public class ComponentsResumeTests
{
    private const int Iterations = 6;

    private static readonly Experiment Experiment = Presets.Load(
        "canvas-mini",
        [
            "data.size=16",
            "canvas.autoencoder.widths=[8, 8]",
            $"canvas.autoencoder.iterations={Iterations}",
            "canvas.autoencoder.crop=8",
            "canvas.text.width=16",
            "canvas.text.layers=1",
            $"canvas.text.iterations={Iterations}",
            "network.channels=16",
            "network.norm-groups=8",
            "network.attention=[8]",
            "pretrain.iterations=1",
            "classifier.widths=[8, 8]",
            $"classifier.iterations={Iterations}",
            "sampling.steps=2",
            "evaluate.images=8",
            "evaluate.retained-images=56",
            "workers=1",
        ]
    );

    private static readonly Lazy<Dictionary<string, byte[]>> Whole = new(() =>
    {
        using var folder = new TempFolder();
        return Ran(folder.Root, new SilentObserver(), default);
    });

    [TestCase("components", 3, TestName = "The_autoencoder_goes_on_from_where_it_was_stopped")]
    [TestCase("components", Iterations + 3, TestName = "The_text_encoder_goes_on_from_where_it_was_stopped")]
    [TestCase("components", Iterations + Iterations - 1, TestName = "What_the_text_encoder_counts_is_not_lost")]
    [TestCase("classifier", 3, TestName = "The_style_classifier_goes_on_from_where_it_was_stopped")]
    public void A_stopped_training_goes_on(string stage, int at)
    {
        using var folder = new TempFolder();
        using var cancel = new CancellationTokenSource();
        Assert.That(
            () => Ran(folder.Root, new WatchingObserver(stage, at, cancel), cancel.Token),
            Throws.InstanceOf<OperationCanceledException>()
        );
        var second = new WatchingObserver(stage, null, cancel);
        var resumed = Ran(folder.Root, second, default);
        Assert.That(second.First, Is.EqualTo(at + 1), "the first step of the second run");
        Assert.That(resumed.Keys, Is.EquivalentTo(Whole.Value.Keys));
        foreach (var (file, bytes) in resumed)
            Assert.That(bytes, Is.EqualTo(Whole.Value[file]), file);
    }

    [Test]
    public void A_file_that_is_no_checkpoint_is_refused()
    {
        using var folder = new TempFolder();
        using var cancel = new CancellationTokenSource();
        Assert.That(
            () => Ran(folder.Root, new WatchingObserver("components", 2, cancel), cancel.Token),
            Throws.InstanceOf<OperationCanceledException>()
        );
        var file = Directory.GetFiles(folder.Root, "autoencoder-checkpoint.safetensors", SearchOption.AllDirectories).Single();
        DiMum.Checkpoints.Safetensors.Write(file, new Dictionary<string, TorchSharp.torch.Tensor>());
        Refusal.Of(
            () => Ran(folder.Root, new SilentObserver(), default),
            "autoencoder-checkpoint",
            "not a checkpoint of this stage",
            "delete it"
        );
    }

    // Everything that the stages of classifiers and frozen parts leave, by file.
    private static Dictionary<string, byte[]> Ran(string folder, IRunObserver observer, CancellationToken cancel)
    {
        using (var run = new Run(Experiment, folder, observer, cancel))
            run.Classify();
        return Directory
            .GetDirectories(Path.Combine(folder, "stages"))
            .SelectMany(d => Directory.GetFiles(d, "*", SearchOption.AllDirectories))
            .ToDictionary(f => Path.GetRelativePath(folder, f), File.ReadAllBytes);
    }
}
