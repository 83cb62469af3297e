using System.Globalization;

namespace DiMum.Verification.Cases;

/// <summary>The rule itself: hash, mixed integers, sines and every kind of value made of them.</summary>
internal static class RuleCase
{
    private const double SineError = 1e-15; // two mathematics libraries
    private const double SumError = 1e-10; // relative; sums are printed with 12 digits

    public static void Run(CaseRun run)
    {
        foreach (var entry in run.File.Outputs.Items())
        {
            var (name, shape) = (entry["name"].Text(), entry["shape"].Integers());
            var count = shape.Aggregate(1L, (product, n) => product * n);
            foreach (var (member, node) in entry.Members())
                Check(run.Check, member, node, name, shape, count);
        }
    }

    private static void Check(Checker check, string member, GoldenNode node, string name, long[] shape, long count)
    {
        var hash = ProceduralRule.Hash(name);
        var (kind, first) = Split(member);
        switch (kind)
        {
            case "fnv1a32":
                check.Number(node, hash);
                break;
            case "z":
                check.Numbers(node, [.. Enumerable.Range(0, node.Items().Count).Select(i => (double)ProceduralRule.Mix(hash, i))]);
                break;
            case "z_last":
                check.Number(node, ProceduralRule.Mix(hash, count - 1));
                break;
            case "s":
                var sines = node.Texts();
                for (var i = 0; i < sines.Length; i++)
                    check.Compare(node.Path, i, ProceduralRule.Sine(hash, i), Parse(sines[i]), SineError);
                break;
            case "s_last":
                check.Compare(node.Path, -1, ProceduralRule.Sine(hash, count - 1), Parse(node.Text()), SineError);
                break;
            case "param_sum_float64":
                var weights = ProceduralRule.Parameter(name, shape);
                check.Number(node, weights.Sum(w => (double)w), SumError * weights.Sum(Math.Abs));
                break;
            case "param_l2_float64":
                var length = Math.Sqrt(ProceduralRule.Parameter(name, shape).Sum(w => (double)w * w));
                check.Number(node, length, SumError * length);
                break;
            default:
                Values(check, kind, node, name, shape, first);
                break;
        }
    }

    private static void Values(Checker check, string kind, GoldenNode node, string name, long[] shape, int first)
    {
        var words = kind.Split('_');
        switch (words[0])
        {
            case "param":
                Floats(check, node, ProceduralRule.Parameter(name, shape));
                break;
            case "inp":
                Floats(check, node, ProceduralRule.Input(name, first, Parse(words[1]["scale".Length..])));
                break;
            case "noise":
                Floats(check, node, ProceduralRule.Noise(name, first));
                break;
            case "img01":
                Floats(check, node, ProceduralRule.Image01(name, first));
                break;
            case "ints":
                var (low, high) = (long.Parse(words[1], CultureInfo.InvariantCulture), long.Parse(words[2], CultureInfo.InvariantCulture));
                check.Numbers(node, [.. ProceduralRule.Integers(name, first, low, high).Select(i => (double)i)]);
                break;
            case "mask":
                var kept = ProceduralRule.Keep(name, first, 0.5); // the file's list is of u(NAME), without the 'mask.' of gradient masks
                check.Numbers(node, [.. kept.Select(k => k ? 1.0 : 0)]);
                break;
            case "keep":
                var keep = ProceduralRule.Keep(name, first, Parse(words[1] + "." + words[2]));
                check.Require(node.Flags().SequenceEqual(keep), node.Path, "another choice of kept conditions");
                break;
        }
    }

    // «noise_first3» → noise, 3.
    private static (string Kind, int First) Split(string member)
    {
        var at = member.LastIndexOf("_first", StringComparison.Ordinal);
        return at < 0 ? (member, 0) : (member[..at], int.Parse(member[(at + 6)..], CultureInfo.InvariantCulture));
    }

    private static void Floats(Checker check, GoldenNode node, float[] got)
    {
        var wanted = node.Numbers();
        check.Require(wanted.Length <= got.Length, node.Path, $"got {got.Length} values, expected {wanted.Length}");
        for (var i = 0; i < Math.Min(wanted.Length, got.Length); i++)
            check.Compare(node.Path, i, got[i], (float)wanted[i], 0);
    }

    private static double Parse(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
