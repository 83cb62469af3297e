using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace DiMum.Runs.Report;

/// <summary>A distance axis from 0; logarithmic where one method runs so far off that the others would lie flat on the ground.</summary>
internal sealed record ValueScale(bool IsLog, double Lowest, double Highest)
{
    private const double Spread = 20;

    public static ValueScale For(IEnumerable<Series> series, IEnumerable<Guide> guides)
    {
        double[] positive = [.. series.SelectMany(s => s.Y).Concat(guides.Select(g => g.Y)).Where(v => v > 0)];
        return positive.Length == 0 ? new(false, 0, 1) : new(positive.Max() > Spread * positive.Min(), positive.Min(), positive.Max());
    }

    /// <summary>Where a value stands on the axis.</summary>
    public double At(double value) => IsLog ? Math.Log10(Math.Max(value, Lowest / 2)) : value;

    /// <summary>Limits and, on a logarithmic axis, ticks at 1, 2 and 5 of each power of ten, or at some powers where there are many.</summary>
    public void Apply(Plot plot)
    {
        if (!IsLog)
        {
            plot.Axes.SetLimitsY(0, plot.Axes.GetLimits().Top);
            return;
        }
        int first = (int)Math.Floor(Math.Log10(Lowest)) - 1;
        int decades = (int)Math.Ceiling(Math.Log10(Highest / Lowest)) + 3;
        int apart = Math.Max(1, decades / 10); // so that labels do not lie on each other
        int[] digits = decades > 6 ? [1] : [1, 2, 5];
        double[] ticks =
        [
            .. Enumerable.Range(0, decades / apart + 1).SelectMany(i => digits.Select(digit => digit * Math.Pow(10, first + i * apart))),
        ];
        plot.Axes.Left.TickGenerator = new NumericManual(
            [.. ticks.Select(Math.Log10)],
            [.. ticks.Select(t => t.ToString(t is < 1e-6 or > 1e6 ? "0e0" : "#,0.######", CultureInfo.InvariantCulture))]
        );
    }
}
