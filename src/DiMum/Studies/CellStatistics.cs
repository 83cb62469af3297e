using MathNet.Numerics.Distributions;

namespace DiMum.Studies;

/// <summary>
/// A mean over cells that were trained apart (a class and a seed each), with Student's interval over the cells: images of one cell share a network and are
/// not independent, so the interval of pooled images would be too narrow.
/// </summary>
/// <param name="Mean">Of the cells' values.</param>
/// <param name="Low">Lower end, 95 %.</param>
/// <param name="High">Upper end, 95 %.</param>
/// <param name="Cells">How many.</param>
public readonly record struct CellMean(double Mean, double Low, double High, int Cells)
{
    /// <summary>Mean ± t(0.975; n−1)·s/√n.</summary>
    /// <param name="values">One a cell; at least one. Of one alone the interval is without end.</param>
    public static CellMean Of(IReadOnlyList<double> values)
    {
        var n = values.Count;
        var mean = values.Average();
        if (n < 2)
            return new(mean, double.NegativeInfinity, double.PositiveInfinity, n);
        var variance = values.Sum(v => (v - mean) * (v - mean)) / (n - 1);
        var half = StudentT.InvCDF(0, 1, n - 1, 0.975) * Math.Sqrt(variance / n);
        return new(mean, mean - half, mean + half, n);
    }

    /// <summary>Whether the interval leaves zero out: of a difference, whether it is seen.</summary>
    public bool LeavesZeroOut => Low > 0 || High < 0;
}
