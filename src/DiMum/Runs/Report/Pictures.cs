using System.Buffers.Binary;
using System.Globalization;
using System.Xml.Linq;
using static DiMum.Runs.Report.Html;

namespace DiMum.Runs.Report;

/// <summary>Pictures inside the page: PNG files and charts as data addresses, so that the report is one file.</summary>
internal static class Pictures
{
    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0d, 0x0a, 0x1a, 0x0a];

    /// <summary>
    /// A PNG of samples enlarged by a whole factor to at most <paramref name="widest"/> pixels (pixels stay pixels), or a line that
    /// says what is missing. Paths outside the run folder are refused.
    /// </summary>
    public static XElement Samples(string runFolder, string? path, string alt, int widest)
    {
        if (string.IsNullOrEmpty(path))
        {
            return El("p", Class("absent"), "not drawn yet");
        }
        string full = Path.GetFullPath(Path.Combine(runFolder, path));
        if (!full.StartsWith(Path.GetFullPath(runFolder) + Path.DirectorySeparatorChar, StringComparison.Ordinal) || !File.Exists(full))
        {
            return El("p", Class("absent"), $"{path} is not in the run folder");
        }
        byte[] png = File.ReadAllBytes(full);
        return WidthOf(png) is { } width
            ? El("img", Class("pixels"), At("alt", alt), At("src", Address(png)), At("width", Text(width * Math.Max(1, widest / width))))
            : El("p", Class("absent"), $"{path} is not a PNG");
    }

    /// <summary>A chart with its caption, in the reader's light or dark mode.</summary>
    public static XElement Figure(Chart chart) =>
        El(
            "figure",
            Class("chart"),
            El(
                "picture",
                El("source", At("media", "screen and (prefers-color-scheme: dark)"), At("srcset", Address(chart.Dark))),
                El("img", At("alt", chart.Alt), At("src", Address(chart.Light)), At("width", "760"))
            ),
            El("figcaption", Prose(chart.Caption))
        );

    private static string Address(byte[] png) => "data:image/png;base64," + Convert.ToBase64String(png);

    /// <summary>The width in a PNG's IHDR chunk, or null for what is not a PNG.</summary>
    private static int? WidthOf(byte[] file) =>
        file.Length >= 24
        && file.AsSpan(0, 8).SequenceEqual(Signature)
        && BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(16)) is > 0 and var width
            ? width
            : null;

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
