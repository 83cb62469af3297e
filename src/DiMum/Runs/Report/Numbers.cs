using System.Globalization;
using DiMum.Metrics;

namespace DiMum.Runs.Report;

/// <summary>
/// How the report writes numbers: invariant culture, rates as percent with one decimal, and never a value without its interval and n.
/// </summary>
internal static class Numbers
{
    private const string Space = "\u00a0"; // no-break

    /// <summary>What stands where a number was not measured.</summary>
    public const string Absent = "–";

    public static string Count(long n) => n.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>0.973 → <c>97.3 %</c>.</summary>
    public static string Percent(double share) => double.IsFinite(share) ? Tenths(share) + Space + "%" : Absent;

    /// <summary>A distance: two decimals from 1 upwards, four below.</summary>
    public static string Distance(double value) =>
        double.IsFinite(value) ? value.ToString(Math.Abs(value) >= 1 ? "0.00" : "0.0000", CultureInfo.InvariantCulture) : Absent;

    /// <summary>For sentences: <c>97.3 % [95.1, 98.7]</c>.</summary>
    public static string Rate(Measured m) =>
        HasInterval(m) ? $"{Percent(m.Value)} [{Tenths(m.Low)},{Space}{Tenths(m.High)}]" : $"{Percent(m.Value)} (no interval)";

    /// <summary>For tables: the rate, and under it its interval and n.</summary>
    public static Cell RateCell(Measured? m) => CellOf(m, Percent, value => Tenths(value), Space + "%");

    /// <summary>For tables: the distance, and under it its interval and n.</summary>
    public static Cell DistanceCell(Measured? m) => CellOf(m, Distance, Distance, "");

    /// <summary>Seconds as a person says them: <c>850 ms</c>, <c>12.3 s</c>, <c>4 min 05 s</c>, <c>2 h 07 min</c>.</summary>
    public static string Duration(double seconds)
    {
        if (!double.IsFinite(seconds) || seconds < 0)
        {
            return Absent;
        }
        var whole = TimeSpan.FromSeconds(Math.Round(seconds));
        return seconds switch
        {
            < 1 => (1000 * seconds).ToString("0.#", CultureInfo.InvariantCulture) + Space + "ms",
            < 60 => Invariant($"{seconds:0.0}{Space}s"),
            < 3600 => Invariant($"{whole.Minutes}{Space}min {whole.Seconds:00}{Space}s"),
            _ => Invariant($"{(int)whole.TotalHours}{Space}h {whole.Minutes:00}{Space}min"),
        };
    }

    /// <summary>a, b and c.</summary>
    public static string Listed(IReadOnlyList<string> items) =>
        items.Count < 2 ? string.Concat(items) : string.Join(", ", items.Take(items.Count - 1)) + " and " + items[^1];

    private static bool HasInterval(Measured m) => double.IsFinite(m.Low) && double.IsFinite(m.High);

    private static string Tenths(double share) => (100 * share).ToString("0.0", CultureInfo.InvariantCulture);

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    private static Cell CellOf(Measured? m, Func<double, string> main, Func<double, string> end, string unit) =>
        m is null ? new Cell(Absent)
        : HasInterval(m) ? new Cell(main(m.Value), $"{end(m.Low)} to {end(m.High)}{unit}, n = {Count(m.N)}")
        : new Cell(main(m.Value), $"no interval, n = {Count(m.N)}");
}
