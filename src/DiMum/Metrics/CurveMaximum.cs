namespace DiMum.Metrics;

/// <summary>
/// The highest rate of a curve of K measurements. The highest of many is high by chance as well, so its interval is corrected: every point gets a
/// Clopper–Pearson interval at confidence 1 − α/K (Bonferroni), and the true maximum lies between the largest lower and the largest upper end with
/// at least the confidence asked for, however the points depend on each other.
/// </summary>
public static class CurveMaximum
{
    private const string Mark = "highest of K = ";

    /// <summary>The maximum of a curve of rates that were measured alike.</summary>
    public static Measured Of(IReadOnlyList<Measured> curve, double confidence = 0.95)
    {
        var best = curve.MaxBy(m => m.Value) ?? throw new ArgumentException("a curve without points has no maximum");
        foreach (var point in curve)
            point.DifferenceFrom(best);
        return Of([.. curve.Select(m => ((long)Math.Round(m.Value * m.N), m.N))], best.Metric, best.Of, confidence);
    }

    /// <summary>Whether a number is such a maximum, its interval corrected.</summary>
    public static bool Is(Measured number) => number.Metric.Contains(Mark, StringComparison.Ordinal);

    /// <summary>The maximum of K rates, with the corrected interval; K stands in the metric's name.</summary>
    /// <param name="points">(count, n) at every step of the curve.</param>
    /// <param name="metric">What is measured.</param>
    /// <param name="of">Of which model.</param>
    /// <param name="confidence">Of the interval, 0.95.</param>
    public static Measured Of(IReadOnlyList<(long Count, long N)> points, string metric, string of, double confidence = 0.95)
    {
        if (points.Count == 0)
            throw new ArgumentException("a curve without points has no maximum");
        var each = 1 - (1 - confidence) / points.Count;
        var intervals = points.Select(p => AccuracyRate.Interval(p.Count, p.N, each)).ToList();
        var best = points.MaxBy(p => (double)p.Count / p.N);
        return new(
            (double)best.Count / best.N,
            best.N,
            intervals.Max(i => i.Low),
            intervals.Max(i => i.High),
            $"{metric}, {Mark}{points.Count}, Bonferroni-corrected exact interval",
            of
        );
    }
}
