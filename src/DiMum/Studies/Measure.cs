using System.Globalization;
using DiMum.Metrics;
using DiMum.Runs;

namespace DiMum.Studies;

/// <summary>A quantity of a method's result, as the pages of studies show it.</summary>
/// <param name="Name">Heads its column.</param>
/// <param name="Of">Its value.</param>
/// <param name="Unit">What it is shown in: 100 for percent.</param>
/// <param name="Format">Of a number.</param>
internal sealed record Measure(string Name, Func<MethodResult, double> Of, double Unit, string Format)
{
    /// <summary>Mean and interval; the mean alone where one cell has no interval.</summary>
    public string Show(CellMean m) => m.Cells < 2 ? Show(m.Mean) : $"{Show(m.Mean)} [{Show(m.Low)}, {Show(m.High)}]";

    /// <summary>One value.</summary>
    public string Show(double value) => Number(Unit * value, Format);

    /// <summary>Differences by name in words: which leave zero out above, which below, and which do not.</summary>
    public string Apart(IEnumerable<(string Name, CellMean Difference)> differences)
    {
        var list = differences.ToList();
        string Those(Func<CellMean, bool> which) =>
            list.Where(d => which(d.Difference)).Select(d => $"{d.Name} ({Show(d.Difference)})").ToList() is { Count: > 0 } names
                ? string.Join(", ", names)
                : "none";
        return $"higher {Those(d => d.LeavesZeroOut && d.Mean > 0)}; lower {Those(d => d.LeavesZeroOut && d.Mean < 0)}; not told apart {Those(d => !d.LeavesZeroOut)}";
    }

    /// <summary>Rates of one method pooled over all images, with the exact binomial interval, in percent.</summary>
    public static string Binomial(IEnumerable<Measured> rates)
    {
        var list = rates.ToList();
        var (hits, n) = (list.Sum(r => (long)Math.Round(r.Value * r.N)), list.Sum(r => r.N));
        var (low, high) = AccuracyRate.Interval(hits, n);
        return $"{Number(100.0 * hits / n, "f1")} [{Number(100 * low, "f1")}, {Number(100 * high, "f1")}] (n = {n})";
    }

    /// <summary>The middle one.</summary>
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 2];
    }

    public static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
