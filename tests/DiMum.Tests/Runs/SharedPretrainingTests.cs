using DiMum.Tests.Data;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>Experiments that differ in the unlearned class alone have one pre-trained network.</summary>
[NonParallelizable]
public class SharedPretrainingTests
{
    [Test]
    public void Two_classes_share_weights_and_classifier_and_are_measured_and_unlearned_apart()
    {
        using var folder = new TempFolder();
        foreach (var unlearned in new[] { "3", "8" })
        {
            using var run = TinyExperiment.Run(folder.Root, $"unlearn.class={unlearned}");
            run.Unlearn(run.Experiment.Unlearn.Methods[0]);
        }

        int Stages(string name) => Directory.GetDirectories(Path.Combine(folder.Root, "stages"), name + "-*").Length;
        Assert.That(Stages("pretrain"), Is.EqualTo(1));
        Assert.That(Stages("classifier"), Is.EqualTo(1));
        Assert.That(Stages("evaluate-pretrained"), Is.EqualTo(2));
        Assert.That(Stages("unlearn-DiMUM"), Is.EqualTo(2));
    }
}
