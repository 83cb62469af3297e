using DiMum.Runs;
using DiMum.Runs.Stages;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>Finished stages are found again by later builds, and those that drew other numbers are not.</summary>
[NonParallelizable]
public class StageKeyTests
{
    private const string WithoutDropout = "5adaedb63b6f";
    private const string DropoutOfAGenerator = "d85869a4ddd5"; // of builds whose dropout drew from a generator

    [Test]
    public void Keys_without_dropout_are_those_of_earlier_builds() => Assert.That(Pretrain("0"), Is.EqualTo(WithoutDropout));

    [Test]
    public void Dropout_by_index_has_keys_of_its_own() =>
        Assert.That(Pretrain("0.1"), Is.Not.EqualTo(DropoutOfAGenerator).And.Not.EqualTo(WithoutDropout));

    private static string Pretrain(string dropout)
    {
        var threads = TorchSharp.torch.get_num_threads();
        using var bench = new Workbench(Presets.Load("digits", [$"network.dropout={dropout}", "seed=1"]));
        TorchSharp.torch.set_num_threads(threads); // the bench has set the preset's
        return new StageKeys(bench, "run").Pretrain().Key;
    }
}
