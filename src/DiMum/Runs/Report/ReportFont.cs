using ScottPlot;
using SkiaSharp;

namespace DiMum.Runs.Report;

/// <summary>
/// DejaVu Sans as shipped inside this library (licence beside it in Runs/Fonts), so that charts have text on machines without any font
/// and look the same everywhere. A name of its own keeps an installed DejaVu from standing in for it.
/// </summary>
internal sealed class ReportFont : IFontResolver
{
    public const string Family = "DiMum DejaVu Sans";

    private static readonly Lazy<SKData> Bytes = new(Load);
    private static readonly Lazy<bool> Registered = new(Add);

    /// <summary>Makes <see cref="Family"/> known to ScottPlot, once a process.</summary>
    public static void Register() => _ = Registered.Value;

    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) =>
        fontName == Family ? SKTypeface.FromData(Bytes.Value) : null;

    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) =>
        CreateTypeface(fontName, FontWeight.Normal, FontSlant.Upright, FontSpacing.Normal);

    private static bool Add()
    {
        Fonts.FontResolvers.Insert(0, new ReportFont());
        return true;
    }

    private static SKData Load()
    {
        using Stream stream =
            typeof(ReportFont).Assembly.GetManifestResourceStream("DejaVuSans.ttf")
            ?? throw new InvalidOperationException("the font DejaVuSans.ttf is not embedded in this build");
        return SKData.Create(stream);
    }
}
