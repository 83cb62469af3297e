using DiMum.Checkpoints;

namespace DiMum.Runs.Report;

/// <summary>Writes what a person (report.html), a text editor (results.md) and a program (results.csv) read of a run.</summary>
public static class ReportWriter
{
    /// <summary>
    /// Writes <c>report.html</c>, one self-contained page, and its charts as <c>figures/*.png</c> into the run folder. Sample pictures
    /// named in <paramref name="results"/> are looked up in that folder; whatever is missing is said to be missing.
    /// </summary>
    /// <exception cref="UserError">The folder cannot be written.</exception>
    public static void Write(RunResults results, string runFolder)
    {
        IReadOnlyList<Chart> charts = Charts.Of(results);
        string figures = AtomicFile.MakeFolder(Path.Combine(runFolder, "figures"));
        foreach (Chart chart in charts)
        {
            AtomicFile.Write(Path.Combine(figures, chart.Name + ".png"), stream => stream.Write(chart.Light));
        }
        AtomicFile.WriteText(Path.Combine(runFolder, "report.html"), Page.Of(results, runFolder, charts));
    }

    /// <summary>
    /// Writes the report's tables and summary as <c>results.md</c>, and every measured number at full precision as <c>results.csv</c>
    /// (stage, method, reading, assumption, step, quantity, value, low, high, n, metric, of).
    /// </summary>
    /// <exception cref="UserError">The folder cannot be written.</exception>
    public static void WriteTables(RunResults results, string folder)
    {
        AtomicFile.MakeFolder(folder);
        AtomicFile.WriteText(Path.Combine(folder, "results.md"), Markdown.Of(results));
        AtomicFile.WriteText(Path.Combine(folder, "results.csv"), Csv.Of(results));
    }
}
