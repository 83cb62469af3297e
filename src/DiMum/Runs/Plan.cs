using System.Globalization;
using System.Text;
using DiMum.Attacks;
using DiMum.Data;
using DiMum.Nets;

namespace DiMum.Runs;

/// <summary>What an experiment would do, without doing it: the resolved record, then its stages with their steps.</summary>
public static class Plan
{
    /// <summary>Text for <c>--dry-run</c>.</summary>
    public static string Describe(Experiment e)
    {
        var text = new StringBuilder();
        text.Append(YamlRecord.Write(e)).Append('\n');
        text.Append("# stages\n");
        var attacked = e.Unlearn.Methods.Where(m => e.Attack.Methods.Count == 0 || m.IsIn(e.Attack.Methods)).ToList();
        var brought = e.Data.Name == Workbench.UnlearnCanvas;
        if (e.Data.Name == Workbench.MiniCanvas)
        {
            Line(
                "components",
                $"{e.Canvas.Autoencoder.Iterations:n0} steps of the autoencoder, {e.Canvas.Text.Iterations:n0} of the text encoder"
            );
            Line("classifier-objects", $"{e.Classifier.Iterations:n0} steps");
        }

        Line("classifier", brought ? "brought, its accuracy on the test split measured" : $"{e.Classifier.Iterations:n0} steps");
        Line(
            "pretrain",
            brought
                ? "brought, nothing is trained"
                : $"{e.Pretrain.Iterations:n0} steps of batch {e.Pretrain.BatchSize}, checkpoint every {e.Pretrain.CheckpointEvery:n0}"
        );
        if (e.Attack.Assumptions.Contains(Assumption.Synthesised) && e.Unlearn.Methods.Count > 0)
            Line(
                "synthesise",
                e.Attack.SyntheticImages > 0 ? $"{e.Attack.SyntheticImages:n0} images" : "as many images as the retain set has"
            );
        foreach (var m in e.Unlearn.Methods)
        {
            var method = MethodRegistry.Create(m);
            Line(
                $"unlearn-{m.Label}",
                $"{m.Iterations:n0} iterations, {(long)m.Iterations * method.UpdatesPerIteration:n0} optimiser steps ({Share(m.Iterations, e.Pretrain.Iterations)} of pre-training)"
            );
        }

        foreach (var m in attacked)
        foreach (var a in e.Attack.Assumptions)
            Line(
                $"attack-{m.Label}-{DiMRA.Label(a)}",
                $"{e.Attack.Iterations:n0} steps ({Share(e.Attack.Iterations, e.Pretrain.Iterations)} of pre-training), AR_a at {e.Attack.EvaluateAt.Count + 1} points"
            );
        var steps =
            (brought ? 0 : e.Pretrain.Iterations)
            + e.Unlearn.Methods.Sum(m => (long)m.Iterations)
            + (long)attacked.Count * e.Attack.Assumptions.Count * e.Attack.Iterations;
        text.Append(CultureInfo.InvariantCulture, $"# {steps:n0} training iterations in all; {Network(e)}\n");
        if (e.Data.Name == Workbench.UnlearnCanvas)
            text.Append(CanvasPlan.Describe(e));
        return text.ToString();

        void Line(string name, string what) => text.Append(CultureInfo.InvariantCulture, $"#   {name, -28} {what}\n");
    }

    private static string Share(long part, long whole) => (100.0 * part / whole).ToString("g3", CultureInfo.InvariantCulture) + " %";

    private static string Network(Experiment e)
    {
        if (Workbench.LabelsOf(e.Data.Name) is not null)
            return CanvasPlan.Network(e);
        var (size, channels, classes) = e.Data.Name switch
        {
            "digits" => (e.Data.Size ?? 8, 1, 10),
            "mixture" => (1, 2, GaussianMixture.BuiltIn.Components),
            "cifar10" => (e.Data.Size ?? 32, 3, 10),
            "mnist" or "fashion-mnist" => (e.Data.Size ?? 28, 1, 10),
            _ => (e.Data.Size ?? 32, 3, 10),
        };
        var count =
            e.Network.Kind == NetworkKind.Mlp
                ? MlpDenoiser.CountParameters(Workbench.MlpOf(e.Network, classes, size, channels))
                : ClassConditionalUNet.CountParameters(Workbench.NetworkOf(e.Network, classes, size, channels));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"network of {count:n0} parameters, {16.0 * count / (1 << 20):n0} MiB for weights, gradient and Adam"
        );
    }
}
