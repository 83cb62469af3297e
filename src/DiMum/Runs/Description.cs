using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>Settings, data and machine in words, for reports.</summary>
internal static class Description
{
    public static string Data(Workbench bench) =>
        $"{bench.Train.Name}: {bench.Train.Count:n0} training and {bench.Test.Count:n0} test "
        + (
            bench.Train.IsPoints
                ? $"points of {bench.Train.Channels} coordinates, "
                : $"images of {bench.Train.Width}×{bench.Train.Height}×{bench.Train.Channels}, "
        )
        + $"{bench.Classes.Names.Count} classes; content {bench.DataHash}";

    public static IReadOnlyList<KeyValuePair<string, string>> Settings(Run run)
    {
        var e = run.Experiment;
        var list = new List<KeyValuePair<string, string>>();
        void Add(string name, string value) => list.Add(new(name, value));
        Add("network", run.Bench.NetworkText());
        Add(
            "diffusion",
            $"{run.Bench.Schedule.Name}, t {YamlRecord.Key($"{e.Diffusion.Times}")}, condition drop {Number(e.Diffusion.DropProbability)}"
        );
        Add("pre-training", Training(e.Pretrain));
        Add("sampling", run.Bench.Generation.ToString());
        Add(
            "unlearning starts from",
            e.Unlearn.Start == StartWeights.Ema ? "the moving average of the pre-trained weights" : "the pre-trained weights themselves"
        );
        foreach (var m in e.Unlearn.Methods)
            Add(
                m.Label,
                $"{m.Iterations} iterations of batch {m.BatchSize}, lr {Number(m.Rate)} {YamlRecord.Key($"{m.Decay}")}; {MethodRegistry.Create(m).Source}"
            );
        Add(
            "DiMRA",
            $"{e.Attack.Iterations} iterations of batch {e.Attack.BatchSize}, lr {Number(e.Attack.Rate)}, clip {Number(e.Attack.Clip)}"
        );
        Add("images", $"{e.Evaluate.Images} of the unlearned class for every AR, {e.Evaluate.RetainedImages} over the retained classes");
        return list;
    }

    public static IReadOnlyList<KeyValuePair<string, string>> Environment() =>
        [
            new(
                "DiMumVerified",
                typeof(Description).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "?"
            ),
            new(
                "runtime",
                $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}"
            ),
            new("TorchSharp", typeof(torch).Assembly.GetName().Version?.ToString(3) ?? "?"),
            new("threads", $"{get_num_threads()} of {System.Environment.ProcessorCount}"),
        ];

    public static string Number(double value) => value.ToString("g4", CultureInfo.InvariantCulture);

    private static string Training(TrainingSettings t) =>
        $"{t.Iterations} iterations of batch {t.BatchSize}, lr {Number(t.Rate)} {YamlRecord.Key($"{t.Decay}")}, clip {Number(t.Clip)}, "
        + (t.Ema is { } ema ? $"EMA {Number(ema)}" : "no EMA");
}
