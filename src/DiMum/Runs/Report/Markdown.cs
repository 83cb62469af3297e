using static DiMum.Runs.Report.Table;

namespace DiMum.Runs.Report;

/// <summary>The summary and the tables as Markdown, for a repository or an issue.</summary>
internal static class Markdown
{
    public static string Of(RunResults run) =>
        $"# {MarkdownText(run.Name)}\n\n"
        + string.Concat(Summary.Of(run).Select(Part))
        + string.Join("\n", Tables.All(run).Select(table => table.ToMarkdown()));

    private static string Part(SummaryPart part) =>
        $"**{MarkdownText(part.Heading)}**\n\n" + string.Concat(part.Sentences.Select(s => $"- {MarkdownText(s)}\n")) + "\n";
}
