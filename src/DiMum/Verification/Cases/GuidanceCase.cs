using System.Globalization;
using System.Text.RegularExpressions;
using DiMum.Diffusion;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>Guidance by scale, and rescaled to the conditional prediction's deviation; the numbers are in the outputs' names.</summary>
internal static partial class GuidanceCase
{
    public static void Run(CaseRun run)
    {
        using var none = no_grad();
        var inputs = run.File.Root["inputs"];
        var (nothing, conditional) = (SdPart.Input(run, inputs["uncond"]), SdPart.Input(run, inputs["cond"]));
        foreach (var (name, want) in run.File.Outputs.Members())
        {
            if (Numbers().Match(name) is not { Success: true } match)
                continue;
            var guided = Guidance.ByScale(Parse(match.Groups[1].Value)).Combine(conditional, nothing);
            if (match.Groups[2].Success)
                guided = Guidance.Rescaled(guided, conditional, Parse(match.Groups[2].Value));
            SdPart.Compare(run, want, guided, SdPart.Tolerance(run, name));
        }
    }

    private static double Parse(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^guided_(\d+(?:\.\d+)?)(?:_rescale_(\d+(?:\.\d+)?))?$")]
    private static partial Regex Numbers();
}
