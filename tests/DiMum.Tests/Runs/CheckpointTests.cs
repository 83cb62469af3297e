using DiMum.Attacks;
using DiMum.Runs;
using DiMum.Tests.Data;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>Verbs on a checkpoint, wherever it came from.</summary>
[NonParallelizable]
public class CheckpointTests
{
    [Test]
    public void A_checkpoint_attacked_by_path_comes_to_what_its_method_attacked_by_name_does()
    {
        using var folder = new TempFolder();
        using var run = Open(folder);
        var method = run.Experiment.Unlearn.Methods[0];
        var named = run.Attack(method, Assumption.RetainSet);
        var path = ModelOf(folder, "unlearn-DiMUM");
        var copy = Path.Combine(folder.Root, "mine.safetensors");
        File.Copy(path, copy);
        var byPath = run.AttackCheckpoint(copy, Assumption.RetainSet);
        Assert.That(byPath.Curve.Select(e => e.Step), Is.EqualTo(new[] { 0, 1, 3 }));
        Assert.That(byPath.Curve.Select(e => e.ArUnlearned.Value), Is.EqualTo(named.Curve.Select(e => e.ArUnlearned.Value)));
        Assert.That(byPath.HighestAr.Value, Is.EqualTo(named.HighestAr.Value));
    }

    [Test]
    public void A_checkpoint_is_measured_once_for_evaluation_and_attack()
    {
        using var folder = new TempFolder();
        using var run = Open(folder);
        run.Pretrain();
        var path = ModelOf(folder, "pretrain");
        var measured = run.EvaluateCheckpoint(path);
        var attack = run.AttackCheckpoint(path, Assumption.TestSplit);
        Assert.That(Directory.GetDirectories(Path.Combine(folder.Root, "stages"), "evaluate-pretrain-*"), Has.Length.EqualTo(1));
        Assert.That(attack.Curve[0].ArUnlearned, Is.EqualTo(measured.ArUnlearned));
        Assert.That(measured.ArUnlearned.N, Is.EqualTo(20));
        Assert.That(measured.RetainedAccuracy!.N, Is.EqualTo(45));
    }

    [Test]
    public void A_checkpoint_under_another_schedule_is_measured_and_attacked_anew()
    {
        using var folder = new TempFolder();
        var copy = Path.Combine(folder.Root, "mine.safetensors");
        using (var run = Open(folder))
        {
            run.Pretrain();
            File.Copy(ModelOf(folder, "pretrain"), copy);
            run.AttackCheckpoint(copy, Assumption.TestSplit);
        }

        using (var other = TinyExperiment.Run(folder.Root, "diffusion.schedule=cosine"))
            other.AttackCheckpoint(copy, Assumption.TestSplit);
        foreach (var stage in new[] { "evaluate-mine-*", "attack-mine-*" })
            Assert.That(Directory.GetDirectories(Path.Combine(folder.Root, "stages"), stage), Has.Length.EqualTo(2), stage);
    }

    [Test]
    public void Samples_are_a_sheet_with_a_row_a_class()
    {
        using var folder = new TempFolder();
        using var run = Open(folder);
        run.Pretrain();
        var path = ModelOf(folder, "pretrain");
        var png = Path.Combine(folder.Root, "sheet.png");
        run.Sample(path, "all", 4, png);
        using var sheet = SkiaSharp.SKBitmap.Decode(png);
        Assert.That(sheet.Height, Is.GreaterThan(2 * sheet.Width), "ten rows of four");
        Assert.That(() => run.Sample(path, "eleven", 4, png), Throws.TypeOf<UserError>().With.Message.Contains("eleven"));
    }

    [Test]
    public void Weights_of_another_network_are_refused_by_name()
    {
        using var folder = new TempFolder();
        using var run = Open(folder);
        run.Pretrain();
        var path = ModelOf(folder, "pretrain");
        using var other = new TempFolder();
        using var wider = TinyExperiment.Run(other["run"], "network.channels=32");
        Assert.That(() => wider.EvaluateCheckpoint(path), Throws.TypeOf<UserError>().With.Message.Contains(path));
    }

    private static Run Open(TempFolder folder) => TinyExperiment.Run(folder.Root);

    private static string ModelOf(TempFolder folder, string stage) =>
        Directory.GetFiles(folder.Root, "model.safetensors", SearchOption.AllDirectories).Single(path => path.Contains(stage));
}
