using DiMum.Runs;
using DiMum.Tests.Data;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>Experiments that differ in the unlearned class alone have one pre-trained network.</summary>
[NonParallelizable]
public class SharedPretrainingTests
{
    private const string Tiny = """
        name: tiny
        threads: 1
        data: { name: digits }
        network: { channels: 16, multipliers: [1], res-blocks: 1, attention: [], dropout: 0, norm-groups: 4 }
        pretrain: { iterations: 2, batch-size: 16 }
        classifier: { widths: [16], iterations: 2, batch-size: 32 }
        sampling: { steps: 2, eta: 0, guidance-weight: 1 }
        unlearn: { class: "3", methods: [{ name: DiMUM, iterations: 1, batch-size: 16 }] }
        evaluate: { images: 20, retained-images: 45, grid-columns: 2 }
        """;

    [Test]
    public void Two_classes_share_weights_and_classifier_and_are_measured_and_unlearned_apart()
    {
        using var folder = new TempFolder();
        foreach (var unlearned in new[] { "3", "8" })
        {
            using var run = new Run(Presets.Bind(Tiny, "tiny", [$"unlearn.class={unlearned}"]), folder.Root, new SilentObserver(), default);
            run.Unlearn(run.Experiment.Unlearn.Methods[0]);
        }

        int Stages(string name) => Directory.GetDirectories(Path.Combine(folder.Root, "stages"), name + "-*").Length;
        Assert.That(Stages("pretrain"), Is.EqualTo(1));
        Assert.That(Stages("classifier"), Is.EqualTo(1));
        Assert.That(Stages("evaluate-pretrained"), Is.EqualTo(2));
        Assert.That(Stages("unlearn-DiMUM"), Is.EqualTo(2));
    }
}
