using System.Globalization;

namespace DiMum.Studies.Mixture;

/// <summary>Means over seeds in words: distances as geometric means, rates as means, each with Student's 95 % interval over the seeds.</summary>
internal static class CellFigures
{
    /// <summary>Of positive values: mean and interval of the logarithms, taken back. A value of 0 counts as 1e-30.</summary>
    public static CellMean Geometric(IEnumerable<double> values)
    {
        var log = CellMean.Of([.. values.Select(v => Math.Log(Math.Max(v, 1e-30)))]);
        return new(Math.Exp(log.Mean), Math.Exp(log.Low), Math.Exp(log.High), log.Cells);
    }

    /// <summary>Of rates, the interval cut to 0…1.</summary>
    public static CellMean Rate(IEnumerable<double> values)
    {
        var mean = CellMean.Of([.. values]);
        return mean with { Low = Math.Max(0, mean.Low), High = Math.Min(1, mean.High) };
    }

    public static string Distance(CellMean m) => $"{Digits(m.Mean)} [{Digits(m.Low)}, {Digits(m.High)}]";

    public static string Percent(CellMean m) => $"{Hundred(m.Mean)} [{Hundred(m.Low)}, {Hundred(m.High)}]";

    public static string Digits(double v) =>
        Math.Abs(v) is >= 1e4 or (> 0 and < 1e-3)
            ? v.ToString("0.0e0", CultureInfo.InvariantCulture)
            : v.ToString(
                Math.Abs(v) >= 100 ? "0"
                    : Math.Abs(v) >= 1 ? "0.00"
                    : "0.0000",
                CultureInfo.InvariantCulture
            );

    private static string Hundred(double v) => (100 * v).ToString("0.0", CultureInfo.InvariantCulture);
}
