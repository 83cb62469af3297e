using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>The Stable Diffusion part's rule, step by step: mixed integers, u, s, weights and inputs.</summary>
internal static class SdRuleCase
{
    private const double SineError = 1e-15; // two mathematics libraries

    public static void Run(CaseRun run)
    {
        var check = run.Check;
        foreach (var wave in run.File.Expected("waves").Items())
        {
            var (name, indices) = (wave["name"].Text(), wave["indices"].Integers());
            var hash = ProceduralRule.Hash(name);
            check.Number(wave["fnv1a32"], hash);
            check.Numbers(wave["bits"], [.. indices.Select(i => (double)ProceduralRule.Mix(hash, i))]);
            check.Numbers(wave["u01"], [.. indices.Select(i => ProceduralRule.Uniform(hash, i))]);
            check.Numbers(wave["s"], [.. indices.Select(i => ProceduralRule.Sine(hash, i))], SineError);
        }

        foreach (var entry in run.File.Expected("parameters").Items())
        {
            var values = empty(entry["shape"].Integers(), ScalarType.Float32);
            ProceduralRule.Fill(values, entry["name"].Text(), entry["gain"].Number());
            Compare(run, entry["value"], Checker.Doubles(values), entry["shape"].Integers());
        }

        foreach (var entry in run.File.Expected("inputs").Items())
        {
            var shape = entry["shape"].Integers();
            var count = shape.Aggregate(1L, (product, n) => product * n);
            var values = ProceduralRule.Input(entry["name"].Text(), count, entry["scale"].Number());
            Compare(run, entry["value"], Array.ConvertAll(values, v => (double)v), shape);
        }
    }

    // One unit in the last place of the largest value; values are printed with nine digits.
    private static void Compare(CaseRun run, GoldenNode want, double[] got, long[] shape) =>
        Summary.Compare(run.Check, want, shape, got, MathF.BitIncrement((float)want["abs_max"].Number()) - want["abs_max"].Number());
}
