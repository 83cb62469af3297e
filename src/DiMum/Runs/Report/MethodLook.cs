using ScottPlot;

namespace DiMum.Runs.Report;

/// <summary>
/// A method's colour (Okabe and Ito's palette, made for colour-blind readers), marker and line. Fixed by the method's name, so that a
/// method looks the same in every chart of every run; a second result of one name differs by its line pattern.
/// </summary>
internal sealed record MethodLook(string Hex, MarkerShape Marker, LinePattern Line)
{
    private static readonly Dictionary<string, (string Hex, MarkerShape Marker)> Known = new()
    {
        ["DiMUM"] = ("#0072B2", MarkerShape.FilledCircle),
        ["SalUn"] = ("#E69F00", MarkerShape.FilledSquare),
        ["SFR-on"] = ("#D55E00", MarkerShape.FilledTriangleUp),
        ["EraseDiff"] = ("#8C6D31", MarkerShape.OpenTriangleUp),
        ["Scissorhands"] = ("#7B61B5", MarkerShape.OpenCircle),
        ["ESD"] = ("#5E7D0E", MarkerShape.OpenDiamond),
        ["concept-ablation"] = ("#A3476B", MarkerShape.Cross),
        ["gradient-ascent"] = ("#CC79A7", MarkerShape.FilledDiamond),
        ["fine-tune-retain"] = ("#56B4E9", MarkerShape.FilledTriangleDown),
        [Labels.Retrain] = ("#009E73", MarkerShape.OpenSquare),
    };

    private static readonly string[] OtherHex = ["#8C6D31", "#7B61B5", "#5E7D0E", "#A3476B"];
    private static readonly MarkerShape[] OtherMarkers =
    [
        MarkerShape.OpenCircle,
        MarkerShape.OpenDiamond,
        MarkerShape.OpenTriangleUp,
        MarkerShape.Cross,
        MarkerShape.Eks,
    ];

    private static readonly LinePattern[] Lines = [LinePattern.Solid, LinePattern.Dashed, LinePattern.DenselyDashed];

    /// <summary>The look of the <paramref name="occurrence"/>-th result (from 0) of a name.</summary>
    public static MethodLook Of(string name, int occurrence)
    {
        uint hash = name.Aggregate(2166136261u, (h, c) => unchecked((h ^ c) * 16777619u));
        (string hex, MarkerShape marker) = Known.TryGetValue(name, out var known)
            ? known
            : (OtherHex[hash % (uint)OtherHex.Length], OtherMarkers[hash / 7 % (uint)OtherMarkers.Length]);
        return new MethodLook(hex, marker, Lines[occurrence % Lines.Length]);
    }

    public static MethodLook Of(RunResults run, MethodResult method) =>
        Of(method.Name, run.Methods.TakeWhile(m => !ReferenceEquals(m, method)).Count(m => m.Name == method.Name));
}
