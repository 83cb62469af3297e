using System.Xml.Linq;
using static DiMum.Runs.Report.Html;

namespace DiMum.Runs.Report;

/// <summary>The report as one page, in reading order: what happened, how to read it, pictures, curves, tables, provenance.</summary>
internal static class Page
{
    public static string Of(RunResults run, string runFolder, IReadOnlyList<Chart> charts) =>
        Document(
            El(
                "html",
                At("lang", "en"),
                El(
                    "head",
                    El("meta", At("charset", "utf-8")),
                    El("meta", At("name", "viewport"), At("content", "width=device-width, initial-scale=1")),
                    El("meta", At("name", "color-scheme"), At("content", "light dark")),
                    El("title", $"Unlearning {Labels.Unlearned(run)}: {run.Name}"),
                    El("style", Style.Sheet)
                ),
                El(
                    "body",
                    Header(run),
                    Glance.Box(run),
                    Glossary.Section(),
                    Samples.Section(run, runFolder),
                    ChartSection(charts),
                    TableSection(run),
                    Provenance.Section(run)
                )
            )
        );

    private static XElement Header(RunResults run) =>
        El(
            "header",
            El("h1", $"Can a diffusion model be made to forget {Labels.Unlearned(run)} for good?"),
            El("p", Class("lead"), $"Run {run.Name}, seed {run.Seed}. Unlearning methods, and the DiMRA attack that tries to undo them.")
        );

    private static XElement ChartSection(IReadOnlyList<Chart> charts) =>
        El(
            "section",
            El("h2", "Curves"),
            charts.Count == 0 ? El("p", Class("absent"), "There is nothing to draw yet: no curve has been measured.") : null,
            El("div", Class("charts"), charts.Select(Pictures.Figure))
        );

    private static XElement TableSection(RunResults run) =>
        El(
            "section",
            El("h2", "Tables"),
            Tables.AfterUnlearning(run).ToHtml(),
            StyleTables.Suit(run) ? null : PaperNumbers.First().ToHtml(),
            Labels.AssumptionsOf(run).Count == 0
                ? El("p", Class("absent"), "No attack has been run yet, so there is no table of highest AR_a.")
                : Tables.AfterAttack(run).ToHtml(),
            StyleTables.Suit(run)
                ? El("div", StyleTables.Of(run).ToHtml(), StyleTables.Paper().ToHtml())
                : El("div", Class("beside"), PaperNumbers.Second().ToHtml(), PaperNumbers.Third().ToHtml()),
            Pairs.Table(run)?.ToHtml()
        );
}
