using DiMum.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>Pixels to the model's range and back, and to bytes, with the released stretch of every image and without.</summary>
internal static class ImageCase
{
    public static void Run(CaseRun run)
    {
        using var none = no_grad();
        var outputs = run.File.Outputs;
        var check = run.Check;
        if (outputs.Find("data_transform") is { } transform)
            check.Tensor(transform, Pixels.ToModel(run.Input(run.File.Input("raw")) * 255));
        var x = Scaled(run, run.Input(run.File.Input("x")), outputs["x_rule"].Text());
        if (outputs.Find("inverse_data_transform") is { } inverse)
            check.Tensor(inverse, Pixels.ToUnit(x));
        if (outputs.Find("png_uint8_normalize_false_CHW") is { } images)
            Bytes(check, images, Checker.Doubles(Pixels.ToBytes(x)), outputs["uint8_tolerance"].Number());
        if (outputs.Find("png_uint8_normalize_true_CHW") is { } stretched)
            Bytes(check, stretched, Checker.Doubles(Pixels.Stretched(Pixels.ToUnit(x))), outputs["uint8_tolerance"].Number());
    }

    private static void Bytes(Checker check, GoldenNode images, double[] got, double tolerance)
    {
        images.Use();
        var wanted = Flat(images).ToList();
        check.Require(wanted.Count == got.Length, images.Path, $"got {got.Length} bytes, expected {wanted.Count}");
        for (var i = 0; i < Math.Min(wanted.Count, got.Length); i++)
            check.Compare(images.Path, i, got[i], wanted[i].Number(), tolerance);
    }

    private static IEnumerable<GoldenNode> Flat(GoldenNode node) =>
        node.Element.ValueKind == System.Text.Json.JsonValueKind.Array ? node.Items().SelectMany(Flat) : [node];

    /// <summary>Every image times its factor of a rule in words.</summary>
    internal static Tensor Scaled(CaseRun run, Tensor images, string rule)
    {
        var factors = RuleText.Factors(rule).Take((int)images.shape[0]).Select(f => (float)f).ToArray();
        return images * run.Tensor(factors, factors.Length, 1, 1, 1);
    }
}
