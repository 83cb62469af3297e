using System.Text.RegularExpressions;
using System.Xml.Linq;
using static DiMum.Runs.Report.Html;

namespace DiMum.Runs.Report;

/// <summary>What stands in a table's cell, and in smaller letters under it its interval and n, and what else is to be said.</summary>
internal sealed record Cell(string Main, string? Detail = null, string? More = null);

/// <summary>A table that can be written as HTML and as Markdown, so that both hold the same cells.</summary>
/// <param name="Note">A sentence under the caption: what the numbers are and what they are not.</param>
/// <param name="Foreign">True for numbers that are not this run's: drawn apart.</param>
internal sealed record Table(
    string Caption,
    string Note,
    IReadOnlyList<string> Header,
    IReadOnlyList<IReadOnlyList<Cell>> Rows,
    bool Foreign = false
)
{
    public XElement ToHtml() =>
        El(
            "div",
            Class(Foreign ? "table foreign" : "table"),
            El("p", Class("title"), Prose(Caption)),
            El("p", Class("note"), Prose(Note)),
            El(
                "div",
                Class("scroll"),
                El(
                    "table",
                    At("aria-label", Caption),
                    El("thead", El("tr", Header.Select(name => El("th", At("scope", "col"), Prose(name))))),
                    El("tbody", Rows.Select(row => El("tr", row.Select(HtmlCell))))
                )
            )
        );

    public string ToMarkdown() =>
        $"### {MarkdownText(Caption)}\n\n{MarkdownText(Note)}\n\n"
        + MarkdownRow(Header)
        + MarkdownRow(Header.Select((_, i) => i == 0 ? "---" : "---:"))
        + string.Concat(Rows.Select(row => MarkdownRow(row.Select(Flat))));

    private static string Flat(Cell cell)
    {
        string aside = string.Join("; ", new[] { cell.Detail, cell.More }.OfType<string>());
        return aside.Length == 0 ? cell.Main : $"{cell.Main} ({aside})";
    }

    private static XElement HtmlCell(Cell cell, int column) =>
        El(
            column == 0 ? "th" : "td",
            column == 0 ? At("scope", "row") : null,
            cell.Main,
            cell.Detail is null ? null : El("small", cell.Detail),
            cell.More is null ? null : El("small", cell.More)
        );

    private static string MarkdownRow(IEnumerable<string> cells) => "| " + string.Join(" | ", cells.Select(MarkdownText)) + " |\n";

    /// <summary>Escapes what Markdown (or HTML inside it) would take for markup.</summary>
    public static string MarkdownText(string text) =>
        Regex.Replace(Printable(text).ReplaceLineEndings(" ").Replace("&", "&amp;").Replace("<", "&lt;"), @"[|_*\[`\\]", @"\$0");
}
