using System.Security.Cryptography;
using DiMum.Data;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs.Stages;

/// <summary>Work on any checkpoint of the experiment's network, wherever its weights came from: they, and how the experiment reads them, are its key.</summary>
internal sealed class CheckpointStage(StageContext context)
{
    /// <summary>Measures it once: asked again, by hand or by an attack, the answer is read back.</summary>
    public (string Name, string Key, Evaluation Evaluation) Evaluate(string path)
    {
        using var model = context.Subject.NewNetwork("checkpoint/init");
        context.Subject.Read(path, model);
        var (name, key) = (NameOf(path), KeyOf(model.Parameters));
        var stage = context.Keys.Evaluate(name, key);
        if (stage.Done)
            return (name, key, context.Skip<Evaluation>(stage, StageContext.Describe));
        context.Observer.Begin(stage.Name, 0, 1);
        return (name, key, context.Complete(stage, context.Evaluator.Evaluate(model, stage, 0, full: true), StageContext.Describe));
    }

    /// <summary>A PNG sheet, a row a class.</summary>
    public void Sample(string path, string classes, int count, string png)
    {
        var bench = context.Bench;
        using var model = context.Subject.NewNetwork("checkpoint/init");
        context.Subject.Read(path, model);
        int[] chosen =
            classes == "all"
                ? [.. Enumerable.Range(0, bench.Classes.Names.Count)]
                : [Classes.Find(classes, bench.Classes.Names, "--class")];
        var subject = context.Subject;
        var asked = chosen.SelectMany(c => Enumerable.Range(0, count).Select(n => (long)subject.Condition(c, n))).ToArray();
        var generation = bench.Generation with { Decode = subject.Decode };
        context.Observer.Begin("sample", 0, 1);
        using var scope = NewDisposeScope();
        var images = generation.Images(model, asked, subject.Shape, bench.Seed.At("sample"), context.Cancel);
        bench.Sheet.Write(images, [.. chosen.SelectMany(c => Enumerable.Repeat((long)c, count))], count, 64, png);
        context.Observer.End("sample", $"{asked.Length} images", alreadyDone: false);
    }

    // Every stage's weights are called model.safetensors: its folder tells more.
    private static string NameOf(string path) =>
        Path.GetFileNameWithoutExtension(path) is var name and not "model"
            ? name
            : Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(path))!);

    private string KeyOf(ParameterVector parameters)
    {
        using var flat = parameters.Snapshot();
        return context.Keys.Checkpoint(Convert.ToHexString(SHA256.HashData(flat.cpu().bytes)));
    }
}
