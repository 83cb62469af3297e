using System.Globalization;
using DiMum.Metrics;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>Radii, precision and recall of given activations, rounded to float32 first as the public implementations take them.</summary>
internal static class PrecisionRecallCase
{
    private const double Single = 2e-7; // float32 radii: half a unit in the last place, and some
    private const double SingleMean = 1e-7; // a share computed as a float32 mean

    public static void Run(CaseRun run)
    {
        using var none = no_grad();
        var (inputs, outputs, tolerance) = (run.File.Root["inputs"], run.File.Outputs, run.File.Root["tolerance"]);
        Tensor Rows(string name) => ActivationRule.Tensor(inputs[name]).to(ScalarType.Float32);
        var (real, generated) = (Rows("A"), Rows("B"));
        foreach (var (implementation, byK) in outputs.Members())
        {
            var atol =
                implementation.Contains("float16", StringComparison.Ordinal) ? tolerance["suggested_atol_against_float16"].Number()
                : implementation.StartsWith("torch_fidelity", StringComparison.Ordinal) ? SingleMean
                : tolerance["suggested_atol"].Number();
            foreach (var (k, want) in byK.Members())
                One(run.Check, want, int.Parse(k.AsSpan(2), CultureInfo.InvariantCulture), real, generated, atol);
        }
    }

    private static void One(Checker check, GoldenNode want, int k, Tensor real, Tensor generated, double atol)
    {
        using var scope = NewDisposeScope();
        var (ofReal, ofGenerated) = (Manifold.Of(real, k), Manifold.Of(generated, k));
        foreach (var (name, node) in want.Members())
            switch (name)
            {
                case "precision":
                    check.Number(node, (double)ofReal.Covers(generated) / generated.shape[0], atol);
                    break;
                case "recall":
                    check.Number(node, (double)ofGenerated.Covers(real) / real.shape[0], atol);
                    break;
                case "radii_squared_A" or "radii_squared_B":
                    var radii = (name[^1] == 'A' ? ofReal : ofGenerated).SquaredRadii;
                    Summary.Compare(check, node, radii.shape, Checker.Doubles(radii), Single * node["abs_max"].Number());
                    break;
                case "smallest_relative_margin":
                    node.Use(); // how far the closest distance is from a radius: what the counts can bear
                    break;
            }
    }
}
