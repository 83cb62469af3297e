using System.Diagnostics;
using DiMum.Runs;
using DiMum.Tests.Data;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>A real process, killed without warning while it trains, ends at the same bits when the same command is given again.</summary>
[NonParallelizable]
public class ResumeTests
{
    private const string Tiny = """
        name: tiny
        threads: 1
        data: { name: digits }
        network: { channels: 16, multipliers: [1, 1], res-blocks: 1, attention: [], dropout: 0.1, norm-groups: 4 }
        pretrain: { iterations: 120, batch-size: 16, rate: 0.001, decay: linear, ema: 0.99, checkpoint-every: 5 }
        classifier: { widths: [16, 16], iterations: 20, batch-size: 32 }
        sampling: { steps: 2, eta: 0, guidance-weight: 1 }
        unlearn:
          class: "3"
          start: ema
          methods:
            - { name: DiMUM, iterations: 12, batch-size: 16 }
            - { name: SalUn, iterations: 12, batch-size: 16, retain: 0.048 }
            - { name: SFR-on, iterations: 12, batch-size: 64 }
            - { name: retrain, iterations: 20, batch-size: 16 }
        attack: { assumptions: [retain-set, test-split, synthesised], methods: [SFR-on], iterations: 12, batch-size: 16, evaluate-at: [6], checkpoint-every: 3, synthetic-images: 60 }
        evaluate: { images: 20, retained-images: 45, unlearn-at: [0.5], grid-columns: 2 }
        """;

    [Test]
    public void A_run_killed_in_every_stage_ends_bit_equal_to_an_uninterrupted_one()
    {
        using var folder = new TempFolder();
        var yaml = Path.Combine(folder.Root, "tiny.yaml");
        File.WriteAllText(yaml, Tiny);
        var whole = Path.Combine(folder.Root, "whole");
        var broken = Path.Combine(folder.Root, "broken");
        Assert.That(Start(yaml, whole).WaitForExit(240_000), "the uninterrupted run ends");

        var kills = 0;
        foreach (var stage in new[] { "pretrain-", "unlearn-SFR-on-", "attack-SFR-on-i-" })
        {
            using var process = Start(yaml, broken);
            while (!process.HasExited && !HasCheckpoint(broken, stage))
                Thread.Sleep(5);
            if (!process.HasExited)
            {
                process.Kill();
                process.WaitForExit();
                kills++;
            }
        }

        using var last = Start(yaml, broken);
        Assert.That(last.WaitForExit(240_000), "the resumed run ends");
        Assert.That(last.ExitCode, Is.Zero);
        Assert.That(kills, Is.GreaterThanOrEqualTo(1), "at least one kill hit a stage at work");

        var models = Directory.GetFiles(whole, "model.safetensors", SearchOption.AllDirectories);
        Assert.That(models, Has.Length.GreaterThanOrEqualTo(9));
        foreach (var model in models)
            Assert.That(File.ReadAllBytes(Same(model)), Is.EqualTo(File.ReadAllBytes(model)), Path.GetRelativePath(whole, model));
        foreach (var curve in Directory.GetFiles(whole, "*.jsonl", SearchOption.AllDirectories))
            Assert.That(File.ReadAllText(Same(curve)), Is.EqualTo(File.ReadAllText(curve)), Path.GetRelativePath(whole, curve));

        string Same(string path) => Path.Combine(broken, Path.GetRelativePath(whole, path));
    }

    [Test]
    public void Two_processes_do_not_share_a_run_folder()
    {
        using var folder = new TempFolder();
        var experiment = Presets.Bind(Tiny, "tiny", []);
        using var first = new Run(experiment, folder.Root, new SilentObserver(), default);
        Assert.That(
            () => new Run(experiment, folder.Root, new SilentObserver(), default),
            Throws.TypeOf<UserError>().With.Message.Contains("another process")
        );
    }

    [Test]
    public void Workers_do_not_change_a_bit()
    {
        using var folder = new TempFolder();
        var one = Path.Combine(folder.Root, "one");
        var two = Path.Combine(folder.Root, "two");
        string[] small = ["pretrain.iterations=6", "attack.methods=[DiMUM]", "attack.assumptions=[retain-set]"];
        foreach (var (path, workers) in new[] { (one, 1), (two, 2) })
        {
            using var run = new Run(Presets.Bind(Tiny, "tiny", [.. small, $"workers={workers}"]), path, new SilentObserver(), default);
            run.All();
        }

        foreach (var model in Directory.GetFiles(one, "model.safetensors", SearchOption.AllDirectories))
            Assert.That(File.ReadAllBytes(Path.Combine(two, Path.GetRelativePath(one, model))), Is.EqualTo(File.ReadAllBytes(model)));
    }

    private static bool HasCheckpoint(string run, string stage)
    {
        var stages = Path.Combine(run, "stages");
        return Directory.Exists(stages)
            && Directory.GetDirectories(stages, stage + "*").Any(d => File.Exists(Path.Combine(d, "checkpoint.safetensors")));
    }

    private static Process Start(string yaml, string folder)
    {
        var info = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in new[] { typeof(Cli.Commands).Assembly.Location, "run", yaml, "--out", folder })
            info.ArgumentList.Add(argument);
        var process = Process.Start(info)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }
}
