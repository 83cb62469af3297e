using DiMum.Runs;
using DiMum.Runs.Report;

namespace DiMum.Studies;

/// <summary>
/// The paper's second experiment in miniature, with three seeds: the preset <c>canvas-mini</c>, which every seed trains its own autoencoder, text encoder,
/// network and classifiers for. Every seed keeps its run folder with report.
/// </summary>
public sealed class CanvasMini : IStudy
{
    internal static readonly long[] Seeds = [1, 2, 3]; // fixed before the first run; 7 is the tuning's

    public string Name => "canvas-mini";
    public string Question => "which method forgets a style for good on MiniCanvas? (Table IV in miniature, 3 seeds)";

    public string Run(StudyContext context)
    {
        var cells = new List<RunResults>();
        foreach (var seed in Seeds)
            if (context.Results($"seed-{seed}", Setting(seed), $"seed-{seed}", Report) is { } cell)
                cells.Add(cell);
        return new CanvasMiniPage(cells).Write();
    }

    /// <summary>The preset with a seed.</summary>
    internal static Experiment Setting(long seed) => Presets.Load("canvas-mini", []) with { Seed = seed };

    private static void Report(RunResults results, string folder)
    {
        ReportWriter.Write(results, folder);
        ReportWriter.WriteTables(results, folder);
    }
}
