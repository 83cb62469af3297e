namespace DiMum.Runs.Report;

/// <summary>A chart's paper and ink: one for light pages and print, one for dark pages.</summary>
/// <param name="Lift">How far series colours move towards white, so that they keep their contrast on a dark page.</param>
internal sealed record Theme(string Paper, string Ink, string GridLine, double BandOpacity, double Lift)
{
    public static readonly Theme Light = new("#FFFFFF", "#20262E", "#E4E8EC", 0.16, 0);
    public static readonly Theme Dark = new("#171C22", "#DCE3EA", "#2E363F", 0.26, 0.25);
}
