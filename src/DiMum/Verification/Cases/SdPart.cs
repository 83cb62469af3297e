using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>What the Stable Diffusion part's files have in common: inputs, weights and tolerances.</summary>
internal static class SdPart
{
    /// <summary>The tolerance of a named output; the file's only one where it has no own.</summary>
    public static double Tolerance(CaseRun run, string output)
    {
        var tolerance = run.File.Root["tolerance"];
        return (tolerance.Find(output) ?? tolerance)["suggested_atol"].Number();
    }

    /// <summary>An input {name, shape, scale} by the rule.</summary>
    public static Tensor Input(CaseRun run, GoldenNode input)
    {
        if (input.Find("kind")?.Text() is { } kind and not "hash")
            throw new NotCovered($"{input.Path}: inputs of the kind '{kind}' are unknown here");
        return Input(run, input["name"].Text(), input["shape"].Integers(), input["scale"].Number());
    }

    /// <summary>scale·s of a name.</summary>
    public static Tensor Input(CaseRun run, string name, long[] shape, double scale) =>
        run.Tensor(ProceduralRule.Input(name, shape.Aggregate(1L, (product, n) => product * n), scale), shape);

    /// <summary>Fills a network by the file's rule, then spoils it if that is asked for.</summary>
    public static void Load(CaseRun run, ParameterVector parameters, Func<Parameter, string> nameOf)
    {
        var rule = run.File.Root["weight_rule"];
        if (rule["kind"].Text() is var kind and not "hash")
            throw new NotCovered($"{rule.Path}: weights of the kind '{kind}' are unknown here");
        ProceduralRule.Fill(parameters, rule["gain"].Number(), nameOf);
        run.Disturb?.Invoke(parameters);
        if (run.File.Root.Find("counts") is not { } counts)
            return;
        run.Check.Number(counts["tensors"], parameters.Entries.Count);
        run.Check.Number(counts["elements"], parameters.Count);
    }

    /// <summary>Compares a tensor with its summary.</summary>
    public static void Compare(CaseRun run, GoldenNode want, Tensor got, double atol) =>
        Summary.Compare(run.Check, want, got.shape, Checker.Doubles(got), atol);

    /// <summary>A table of [diffusers name, CompVis name] rows in the order of the parameters.</summary>
    public static void Names(CaseRun run, IReadOnlyList<Parameter> parameters, Func<Parameter, string> compVis)
    {
        if (run.File.Root.Find("diffusers_to_compvis_names") is not { } table)
            return;
        var rows = table.Items();
        run.Check.Require(rows.Count == parameters.Count, table.Path, $"got {parameters.Count} parameters, expected {rows.Count}");
        foreach (var (row, p) in rows.Zip(parameters))
        {
            var names = row.Texts();
            run.Check.Require(
                names is [var diffusers, var other] && diffusers == p.Name && other == compVis(p),
                row.Path,
                $"got {p.Name} and {compVis(p)}"
            );
        }
    }

    /// <summary>A table of [CompVis name, shape, ‖gradient‖, first elements?] rows, each within relative·‖gradient‖ + 1e-6.</summary>
    public static void Gradients(
        CaseRun run,
        GoldenNode table,
        ParameterVector parameters,
        Func<Parameter, string> compVis,
        double relative
    )
    {
        var byName = parameters.Entries.ToDictionary(compVis);
        var rows = table.Use().Items();
        run.Check.Require(rows.Count == byName.Count, table.Path, $"got {byName.Count} parameters, expected {rows.Count}");
        foreach (var row in rows)
        {
            var cells = row.Items();
            if (!byName.TryGetValue(cells[0].Text(), out var p))
            {
                run.Check.Require(false, row.Path, $"the network has no parameter '{cells[0].Text()}'");
                continue;
            }

            var got = Checker.Doubles(parameters.Slice(parameters.Gradient, p.Name));
            var length = cells[2].Number();
            var atol = relative * length + 1e-6;
            run.Check.Require(
                cells[1].Integers().Aggregate(1L, (product, n) => product * n) == p.Count,
                cells[1].Path,
                $"got [{string.Join(',', p.Shape)}]"
            );
            run.Check.Compare(cells[2].Path, -1, Math.Sqrt(got.Sum(g => g * g)), length, atol);
            var first = cells.Count > 3 ? cells[3].Numbers() : [];
            for (var i = 0; i < first.Length; i++)
                run.Check.Compare(cells[3].Path, i, got[i], first[i], atol);
        }
    }
}
