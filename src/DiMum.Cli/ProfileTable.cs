using System.Globalization;
using System.Text;
using DiMum.Nets;
using DiMum.Profiling;
using DiMum.Runs;

namespace DiMum.Cli;

/// <summary>A profile as plain text.</summary>
internal static class ProfileTable
{
    private const double Giga = 1e9;

    /// <param name="profile">What was measured.</param>
    /// <param name="all">Every module, or the outermost ones.</param>
    public static string Of(NetworkProfile profile, bool all)
    {
        var text = new StringBuilder();
        Head(text, profile);
        Phases(text, profile);
        Kinds(text, profile);
        Modules(text, profile, all);
        return text.ToString();
    }

    private static void Head(StringBuilder text, NetworkProfile p)
    {
        Line(text, $"{p.What}: {p.Network}, {p.Parameters:n0} parameters, batch {p.BatchSize}, {p.Precision}, {p.Device}");
        Line(text, $"on {p.Machine}");
        var c = p.Ceilings;
        Line(
            text,
            $"ceilings of this run: product {c.Product / Giga:f0} GFLOP/s, convolution {c.Convolution / Giga:f0} GFLOP/s ({c.ConvolutionShape}), copy {c.Memory / Giga:f1} GB/s ({c.MemorySize >> 20} MiB)"
        );
        var flops = p.Modules.Where(m => m.Parent is null).Sum(m => m.Flops);
        Line(
            text,
            $"step {Ms(p.PlainSeconds)} ms ({Ms(p.ProbedSeconds)} ms with the probe), {p.BatchSize / p.PlainSeconds:f1} images/s, {flops / Giga:f2} GFLOP, {flops / p.PlainSeconds / Giga:f0} GFLOP/s = {flops / p.PlainSeconds / c.Convolution:p0} of the convolution ceiling"
        );
        var calls = p.Counts.NativeCalls is { } n ? $"{n:n0} native calls" : "native calls not counted on this system";
        Line(
            text,
            $"{calls}, {p.Counts.Tensors:n0} tensors made, {p.Counts.TensorsLeft} left, {p.Counts.ManagedBytes:n0} managed bytes a step"
        );
        if (p.Counts.CallsByName is { } names)
            Line(
                text,
                $"most called: {string.Join(", ", names.Take(6).Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Key} {c.Value:n0}")))}"
            );
    }

    private static void Phases(StringBuilder text, NetworkProfile p)
    {
        text.AppendLine();
        Line(text, $"{"part of the step", -34}{"ms", 9}{"share", 8}");
        foreach (var phase in p.Phases)
            Line(text, $"{phase.Name, -34}{Ms(phase.Seconds), 9}{phase.Seconds / p.ProbedSeconds, 8:p1}");
    }

    private static void Kinds(StringBuilder text, NetworkProfile p)
    {
        text.AppendLine();
        Line(text, $"{"kind of layer", -34}{"ms", 9}{"share", 8}{"GFLOP", 9}{"GFLOP/s", 9}{"of ceiling", 12}");
        var parents = p.Modules.Select(m => m.Parent).ToHashSet();
        var leaves = p.Modules.Where(m => !parents.Contains(m.Name)).ToList();
        foreach (
            var (kind, name) in new[]
            {
                (WorkKind.Convolution, "convolutions"),
                (WorkKind.Product, "matrix products, attention"),
                (WorkKind.Memory, "normalisation, SiLU"),
            }
        )
        {
            var some = leaves.Where(m => m.Kind == kind).ToList();
            if (some.Count > 0)
                Kind(name, some.Sum(m => m.Seconds), some.Sum(m => m.Flops), some.Sum(m => m.LeastSeconds));
        }

        Kind("between layers", p.Modules.Where(m => parents.Contains(m.Name)).Sum(m => m.Own), 0, 0);
        var inside = p.Modules.Where(m => m.Parent is null).Sum(m => m.Seconds);
        var both = p.Phases.Where(f => f.Name is StepProfiler.Forward or StepProfiler.Backward).Sum(f => f.Seconds);
        Kind("outside modules", both - inside, 0, 0);

        void Kind(string name, double seconds, double flops, double least) =>
            Line(
                text,
                $"{name, -34}{Ms(seconds), 9}{seconds / p.ProbedSeconds, 8:p1}{Or(flops, flops / Giga, "f2"), 9}{Or(flops, flops / seconds / Giga, "f0"), 9}{Or(least, least / seconds, "p0"), 12}"
            );
    }

    private static void Modules(StringBuilder text, NetworkProfile p, bool all)
    {
        var depth = new Dictionary<string, int>();
        foreach (var m in p.Modules)
            depth[m.Name] = m.Parent is null ? 0 : depth[m.Parent] + 1;
        var shown = p.Modules.Where(m => all || m.Parent is null).ToList();
        var width = Math.Max(34, shown.Max(m => m.Name.Length + 2 * depth[m.Name]) + 2);
        text.AppendLine();
        Line(
            text,
            $"{"module".PadRight(width)}{"forward", 9}{"backward", 10}{"share", 8}{"GFLOP", 9}{"GFLOP/s", 9}{"MB", 9}{"GB/s", 8}{"of ceiling", 12}"
        );
        foreach (var m in shown)
            Line(
                text,
                $"{(new string(' ', 2 * depth[m.Name]) + m.Name).PadRight(width)}{Ms(m.Forward), 9}{Ms(m.Backward), 10}{m.Seconds / p.ProbedSeconds, 8:p1}{Or(m.Flops, m.Flops / Giga, "f3"), 9}{Or(m.Flops, m.Flops / m.Seconds / Giga, "f0"), 9}{m.Bytes / 1e6, 9:f1}{m.Bytes / m.Seconds / Giga, 8:f1}{Or(m.LeastSeconds, m.LeastSeconds / m.Seconds, "p0"), 12}"
            );
    }

    // Nothing where there is nothing to divide.
    private static string Or(double there, double value, string format) =>
        there > 0 ? value.ToString(format, CultureInfo.InvariantCulture) : "";

    private static string Ms(double seconds) => (1e3 * seconds).ToString("f2", CultureInfo.InvariantCulture);

    private static void Line(StringBuilder text, FormattableString line) =>
        text.AppendLine(line.ToString(CultureInfo.InvariantCulture).TrimEnd());
}
