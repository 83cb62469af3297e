using DiMum.Metrics;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>Kernel sums and every estimate of MMD² of given activations, whole and on listed subsets.</summary>
internal static class KidCase
{
    public static void Run(CaseRun run)
    {
        using var none = no_grad();
        var (inputs, outputs, check) = (run.File.Root["inputs"], run.File.Outputs, run.Check);
        var (relative, least) = Tolerance(run.File.Root["tolerance"]);
        void Near(GoldenNode want, double got) => check.Number(want, got, Math.Max(least, relative * Math.Abs(got)));
        var (a, b) = (ActivationRule.Tensor(inputs["A"]), ActivationRule.Tensor(inputs["B"]));
        Sums(check, outputs["kernel_sums"], a, b, Near);

        var rows = Math.Min(a.shape[0], b.shape[0]);
        var (firstA, firstB) = (a.narrow(0, 0, rows), b.narrow(0, 0, rows));
        foreach (var (name, want) in outputs["mmd2_first_min(n,m)_rows"].Members())
            Near(
                want,
                name switch
                {
                    "unbiased" => KernelDistance.Unbiased(firstA, firstB),
                    "biased" => KernelDistance.Biased(firstA, firstB),
                    "u-statistic" => KernelDistance.UStatistic(firstA, firstB),
                    _ => throw new NotCovered($"{want.Path}: an unknown estimate"),
                }
            );
        foreach (var (name, want) in outputs.Members())
            if (name.EndsWith("one_subset_of_everything", StringComparison.Ordinal))
                Near(want, KernelDistance.Unbiased(firstA, firstB));
        if (outputs.Find("subsets") is { } subsets)
            Subsets(check, subsets, a, b, relative, least);
        if (outputs.Find("cleanfid_subsets") is { } others)
            Near(others["value"], KernelDistance.OnSubsets(b, a, Indices(check, others["indices_B_A"], null, null)).Average());
    }

    private static void Sums(Checker check, GoldenNode sums, Tensor a, Tensor b, Action<GoldenNode, double> near)
    {
        var (aa, bb, ab) = (KernelDistance.Sums(a, a), KernelDistance.Sums(b, b), KernelDistance.Sums(a, b));
        foreach (var (name, want) in sums.Members())
            if (name == "K_AA_first4x4")
            {
                var corner = a.narrow(0, 0, Math.Min(4, a.shape[0]));
                var kernel = Checker.Doubles(KernelDistance.Kernel(corner, corner));
                check.Numbers(want, kernel, 1e-12 * kernel.Max());
            }
            else
                near(
                    want,
                    name switch
                    {
                        "K_AA_sum" => aa.All,
                        "K_AA_trace" => aa.Diagonal,
                        "K_BB_sum" => bb.All,
                        "K_BB_trace" => bb.Diagonal,
                        "K_AB_sum" => ab.All,
                        _ => throw new NotCovered($"{want.Path}: an unknown sum"),
                    }
                );
    }

    private static void Subsets(Checker check, GoldenNode subsets, Tensor a, Tensor b, double relative, double least)
    {
        var indices = Indices(check, subsets["indices_A_B"], subsets["count"], subsets["size"]);
        subsets["numpy_RandomState_seed"].Use(); // the draws are listed
        var each = KernelDistance.OnSubsets(a, b, indices);
        var atol = Math.Max(least, relative * each.Max(Math.Abs));
        check.Numbers(subsets["per_subset_unbiased_mmd2"], each, atol);
        var mean = each.Average();
        check.Number(subsets["torch_fidelity_mean"], mean, atol);
        check.Number(subsets["torch_fidelity_std_population"], Math.Sqrt(each.Average(v => (v - mean) * (v - mean))), atol);
    }

    private static List<(long[] X, long[] Y)> Indices(Checker check, GoldenNode list, GoldenNode? count, GoldenNode? size)
    {
        var pairs = list.Use().Items().Select(pair => (pair.Items()[0].Integers(), pair.Items()[1].Integers())).ToList();
        if (count is { } n)
            check.Number(n, pairs.Count);
        if (size is { } m)
            check.Number(m, pairs[0].Item1.Length);
        return pairs;
    }

    private static (double Relative, double Least) Tolerance(GoldenNode tolerance) =>
        (tolerance["suggested_rtol"].Number(), tolerance["suggested_atol"].Number());
}
