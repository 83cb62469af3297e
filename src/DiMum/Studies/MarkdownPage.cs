using System.Text;

namespace DiMum.Studies;

/// <summary>A Markdown text as it grows, line by line.</summary>
internal sealed class MarkdownPage
{
    private readonly StringBuilder text = new();

    public void Line(string line = "") => text.Append(line).Append('\n');

    /// <summary>A table's first row and its rule.</summary>
    public void Header(params IEnumerable<string> columns)
    {
        var heads = columns.ToList();
        Row(heads);
        Line("|" + string.Concat(Enumerable.Repeat("---|", heads.Count)));
    }

    public void Row(params IEnumerable<string> cells) => Line($"| {string.Join(" | ", cells)} |");

    public override string ToString() => text.ToString();
}
