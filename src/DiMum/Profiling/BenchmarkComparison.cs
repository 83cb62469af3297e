using System.Globalization;
using System.Text;
using MathNet.Numerics.Distributions;

namespace DiMum.Profiling;

/// <summary>What a benchmark did between two files.</summary>
public enum BenchmarkMove
{
    /// <summary>No more than noise.</summary>
    Same,
    Faster,
    Slower,

    /// <summary>In the older file alone.</summary>
    Missing,

    /// <summary>In the newer file alone.</summary>
    New,
}

/// <summary>One benchmark in two files.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Older">Mean seconds, NaN where it is new.</param>
/// <param name="Newer">Mean seconds, NaN where it is missing.</param>
/// <param name="Low">Lower end of the 99 % interval of newer/older.</param>
/// <param name="High">Upper end.</param>
/// <param name="Move">What that says.</param>
/// <param name="Counts">Columns without noise that changed, in words.</param>
public sealed record BenchmarkChange(
    string Name,
    double Older,
    double Newer,
    double Low,
    double High,
    BenchmarkMove Move,
    IReadOnlyList<string> Counts
)
{
    /// <summary>Newer over older.</summary>
    public double Ratio => Newer / Older;
}

/// <summary>Two runs of the benchmarks side by side.</summary>
/// <param name="Older">The run before.</param>
/// <param name="Newer">The run after.</param>
/// <param name="Changes">Every benchmark of either.</param>
public sealed record BenchmarkComparison(BenchmarkResults Older, BenchmarkResults Newer, IReadOnlyList<BenchmarkChange> Changes)
{
    /// <summary>What changes less is called the same however sure it is: machines drift by that between two runs.</summary>
    public const double Drift = 0.05;

    private const double Level = 0.99;

    // Of counts: bytes a call may differ by what the compiler keeps off the heap.
    private static readonly (string Column, double Tolerance)[] Counted = [("Allocated Memory", 0.1), ("left", 0)];

    /// <summary>Matches by name.</summary>
    public static BenchmarkComparison Between(BenchmarkResults older, BenchmarkResults newer)
    {
        var after = newer.Cases.ToDictionary(c => c.Name);
        var before = older.Cases.ToDictionary(c => c.Name);
        IEnumerable<BenchmarkChange> Changes()
        {
            foreach (var old in older.Cases)
                yield return after.TryGetValue(old.Name, out var now)
                    ? Of(old, now)
                    : new(old.Name, old.Mean, double.NaN, double.NaN, double.NaN, BenchmarkMove.Missing, []);
            foreach (var now in newer.Cases.Where(c => !before.ContainsKey(c.Name)))
                yield return new(now.Name, double.NaN, now.Mean, double.NaN, double.NaN, BenchmarkMove.New, []);
        }

        return new(older, newer, [.. Changes()]);
    }

    /// <summary>The table.</summary>
    public string Text()
    {
        var text = new StringBuilder();
        void Line(FormattableString line) => text.AppendLine(line.ToString(CultureInfo.InvariantCulture).TrimEnd());
        foreach (var (name, run) in new[] { ("older", Older), ("newer", Newer) })
            Line($"{name}: {run.At:yyyy-MM-dd HH:mm} UTC, {run.Device}, {run.Machine}{(run.Quick ? "; quick" : "")}");
        if (Older.Machine with { Build = "" } != Newer.Machine with { Build = "" } || Older.Device != Newer.Device)
            Line($"These are different machines or settings: the ratios compare those too.");
        var width = Changes.Count == 0 ? 0 : Changes.Max(c => c.Name.Length);
        text.AppendLine();
        Line($"{"benchmark".PadRight(width)}  {"older", 10}  {"newer", 10}  {"ratio", 6}  {"99 % interval", -14}  moved");
        foreach (var c in Changes)
        {
            var interval = double.IsNaN(c.Low)
                ? ""
                : $"{c.Low.ToString("f2", CultureInfo.InvariantCulture)} – {c.High.ToString("f2", CultureInfo.InvariantCulture)}";
            var ratio = double.IsNaN(c.Ratio) ? "" : c.Ratio.ToString("f3", CultureInfo.InvariantCulture);
            var moved = string.Join(
                "; ",
                new[] { c.Move == BenchmarkMove.Same ? "" : c.Move.ToString().ToLowerInvariant() }.Concat(c.Counts).Where(s => s.Length > 0)
            );
            Line($"{c.Name.PadRight(width)}  {Time(c.Older), 10}  {Time(c.Newer), 10}  {ratio, 6}  {interval, -14}  {moved}");
        }

        text.AppendLine();
        var counts = Enum.GetValues<BenchmarkMove>().Select(m => $"{Changes.Count(c => c.Move == m)} {m.ToString().ToLowerInvariant()}");
        Line($"{Changes.Count} benchmarks: {string.Join(", ", counts)}; {Changes.Count(c => c.Counts.Count > 0)} with other counts.");
        return text.ToString();
    }

    // Welch's interval of the difference of log means (delta method); n = 1 on either side says nothing about noise.
    private static BenchmarkChange Of(BenchmarkResult old, BenchmarkResult now)
    {
        var (low, high) = (double.NaN, double.NaN);
        if (old.N > 1 && now.N > 1)
        {
            var (a, b) = (Relative(old), Relative(now));
            var freedom = a + b == 0 ? 1 : (a + b) * (a + b) / (a * a / (old.N - 1) + b * b / (now.N - 1));
            var reach = StudentT.InvCDF(0, 1, freedom, 1 - (1 - Level) / 2) * Math.Sqrt(a + b);
            var middle = Math.Log(now.Mean / old.Mean);
            (low, high) = (Math.Exp(middle - reach), Math.Exp(middle + reach));
        }

        var move =
            low > 1 && now.Mean > old.Mean * (1 + Drift) ? BenchmarkMove.Slower
            : high < 1 && now.Mean < old.Mean / (1 + Drift) ? BenchmarkMove.Faster
            : BenchmarkMove.Same;
        return new(old.Name, old.Mean, now.Mean, low, high, move, [.. Moved(old, now)]);
    }

    // Variance of the mean over its square.
    private static double Relative(BenchmarkResult r) => r.Deviation * r.Deviation / (r.N * r.Mean * r.Mean);

    private static IEnumerable<string> Moved(BenchmarkResult old, BenchmarkResult now)
    {
        foreach (var (column, tolerance) in Counted)
            if (
                old.Metrics.TryGetValue(column, out var before)
                && now.Metrics.TryGetValue(column, out var after)
                && Math.Abs(after - before) > tolerance * Math.Abs(before)
            )
                yield return string.Create(CultureInfo.InvariantCulture, $"{column} {before:n0} → {after:n0}");
    }

    private static string Time(double seconds)
    {
        if (double.IsNaN(seconds))
            return "";
        var (value, unit) =
            seconds >= 1 ? (seconds, "s")
            : seconds >= 1e-3 ? (seconds * 1e3, "ms")
            : (seconds * 1e6, "µs");
        return value.ToString("g4", CultureInfo.InvariantCulture) + " " + unit;
    }
}
