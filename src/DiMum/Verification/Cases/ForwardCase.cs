using DiMum.Diffusion;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>The network's parameters by name, shape and order, its predictions with, without and with mixed conditions, and every block's output.</summary>
internal static class ForwardCase
{
    public static void Run(CaseRun run)
    {
        using var none = no_grad();
        using var network = run.Network();
        var outputs = run.File.Outputs;
        var (x, t, c) = (run.Input(run.File.Input("x")), run.Tensor(outputs["t"].Integers()), outputs["c"].Integers());
        Tensor Predict(bool[]? keep) => network.Predict(x, t, run.Condition(c, keep));

        if (outputs.Find("stage_outputs_cond") is { } stages)
            Stages(run.Check, network, stages, () => Predict(null));
        var (cond, nothing) = (Predict(null), Predict(new bool[c.Length]));
        foreach (var (name, node) in outputs.Members())
            if (name == "manifest")
                Manifest(run.Check, network.Parameters, node);
            else if (name == "parameter_count")
                run.Check.Number(node, network.Parameters.Count);
            else if (name == "cond")
                run.Check.Tensor(node, cond);
            else if (name == "null")
                run.Check.Tensor(node, nothing);
            else if (name.StartsWith("cfg_scale0", StringComparison.Ordinal))
                run.Check.Tensor(node, Guidance.ByWeight(0).Combine(cond, nothing));
            else if (node.Has("cond_scale"))
                run.Check.Tensor(node["value"], Guidance.ByWeight(node["cond_scale"].Number()).Combine(cond, nothing));
            else if (node.Has("draws"))
                run.Check.Tensor(node["value"], Predict(Dropping.Keep(node, c.Length)));
    }

    private static void Manifest(Checker check, ParameterVector parameters, GoldenNode manifest)
    {
        var entries = manifest.Items();
        check.Require(
            entries.Count == parameters.Entries.Count,
            manifest.Path,
            $"got {parameters.Entries.Count} tensors, expected {entries.Count}"
        );
        foreach (var (entry, p) in entries.Zip(parameters.Entries))
        {
            var (name, shape) = (entry["name"].Text(), entry["shape"].Integers());
            check.Require(
                name == p.Name && shape.SequenceEqual(p.Shape),
                entry.Path,
                $"got {p.Name} [{string.Join(',', p.Shape)}], expected {name} [{string.Join(',', shape)}]"
            );
        }
    }

    private static void Stages(Checker check, ClassConditionalUNet network, GoldenNode stages, Func<Tensor> forward)
    {
        var wanted = stages.Members().ToDictionary(m => m.Name, m => m.Node);
        network.Tap = (name, output) =>
        {
            if (wanted.Remove(name, out var want))
                check.Tensor(want, output);
        };
        forward().Dispose();
        network.Tap = null;
        foreach (var missing in wanted.Values)
            check.Require(false, missing.Path, "the network has no layer of this name");
    }
}

/// <summary>Dropped conditions as files list them.</summary>
internal static class Dropping
{
    /// <summary>What is kept: the listed choice, or all or nothing where the probability leaves none; null is all.</summary>
    public static bool[]? Keep(GoldenNode node, int count)
    {
        var probability = node["cond_drop_prob"].Number();
        if (node.Find("draws") is { } draws && draws.Items() is [var draw, ..])
            return draw.Use()["keep"].Flags();
        return Without(probability, count, node.Path);
    }

    /// <summary>The choice that needs no draw.</summary>
    public static bool[]? Without(double probability, int count, string where) =>
        probability switch
        {
            <= 0 => null,
            >= 1 => new bool[count],
            _ => throw new Mismatch($"{where}: conditions are dropped with probability {probability:g}, but no choice is listed"),
        };
}
