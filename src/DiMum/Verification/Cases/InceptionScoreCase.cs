using System.Globalization;
using System.Text.RegularExpressions;
using DiMum.Metrics;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>Inception scores of given logits, in torch-fidelity's and in guided-diffusion's splits.</summary>
internal static partial class InceptionScoreCase
{
    private const int Batch = 7; // smaller than most splits and no divisor of them: what is streamed must not show

    public static void Run(CaseRun run)
    {
        using var none = no_grad();
        var (inputs, outputs, check) = (run.File.Root["inputs"], run.File.Outputs, run.Check);
        var relative = run.File.Root["tolerance"]["suggested_rtol"].Number();
        var logits = Logits(inputs);
        var n = logits.shape[0];
        foreach (var (name, want) in outputs.Members())
            if (name == "logits")
                Summary.Compare(check, want, logits.shape, Checker.Doubles(logits), relative * want["abs_max"].Number());
            else if (SplitSize().Match(name) is { Success: true } size)
            {
                var mean = Score(
                    logits,
                    InceptionScore.OfSplitSize(n, long.Parse(size.Groups[1].Value, CultureInfo.InvariantCulture))
                ).Mean;
                check.Number(want, mean, relative * mean);
            }
            else if (SplitCount().Match(name) is { Success: true } count)
            {
                var rows = want.Find("permutation") is { } order ? logits.index_select(0, tensor(order.Integers())) : logits;
                var splits = InceptionScore.InSplits(n, int.Parse(count.Groups[1].Value, CultureInfo.InvariantCulture));
                var (mean, deviation) = Score(rows, splits);
                check.Number(want["mean"], mean, relative * mean);
                check.Number(want["std_population"], deviation, relative * mean);
            }
    }

    private static (double Mean, double Deviation) Score(Tensor logits, InceptionScore score)
    {
        for (long from = 0; from < logits.shape[0]; from += Batch)
            score.Add(logits.narrow(0, from, Math.Min(Batch, logits.shape[0] - from)));
        return score.Result;
    }

    // activations · Wᵀ, with W = s·scale/√d in float64.
    private static Tensor Logits(GoldenNode inputs)
    {
        var (activations, w) = (ActivationRule.Tensor(inputs["activations"]), inputs["W"]);
        var (shape, hash) = (w["shape"].Integers(), ProceduralRule.Hash(w["name"].Text()));
        var scale = w["scale"].Number() / Math.Sqrt(shape[1]);
        var values = Enumerable.Range(0, (int)(shape[0] * shape[1])).Select(i => ProceduralRule.Sine(hash, i) * scale).ToArray();
        return activations.mm(tensor(values, shape).t());
    }

    [GeneratedRegex(@"split_size=(\d+)")]
    private static partial Regex SplitSize();

    [GeneratedRegex(@"splits=(\d+)")]
    private static partial Regex SplitCount();
}
