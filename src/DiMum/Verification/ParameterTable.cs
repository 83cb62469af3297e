using System.Collections.Concurrent;
using DiMum.Nets;
using static TorchSharp.torch;

namespace DiMum.Verification;

/// <summary>
/// A flat vector (θ, a gradient, a Fisher diagonal) reduced to a few float64 numbers a parameter: sum, ‖·‖₂, the scalar product with the
/// parameter's probe, and the last two for the change since given initial values.
/// </summary>
internal sealed class ParameterTable
{
    private const long CachedAtMost = 16_000_000;
    private static readonly ConcurrentDictionary<(string Name, long Count), double[]> Probes = [];
    private readonly Dictionary<string, double[]> columns = [];

    /// <param name="parameters">Names and places.</param>
    /// <param name="order">Parameter names in the order of the columns.</param>
    /// <param name="flat">[n].</param>
    /// <param name="initial">What changes are counted from, [n]; null for none.</param>
    public ParameterTable(ParameterVector parameters, IReadOnlyList<string> order, Tensor flat, double[]? initial = null)
    {
        var values = Checker.Doubles(flat);
        foreach (var name in new[] { "sum", "l2", "probe", "delta_l2", "delta_probe" })
            columns[name] = new double[order.Count];
        if (initial is null)
            columns.Remove("delta_l2");
        Parallel.For(0, order.Count, row => Fill(row, parameters[order[row]], values, initial));
        columns.Remove(initial is null ? "delta_probe" : "probe");
    }

    /// <summary>A column, or null where there is none of that name.</summary>
    public double[]? Column(string name) => columns.GetValueOrDefault(name);

    private void Fill(int row, Parameter p, double[] values, double[]? initial)
    {
        var probe = Probe(p.Name, p.Count);
        double sum = 0,
            square = 0,
            probed = 0,
            deltaSquare = 0;
        for (var i = 0; i < p.Count; i++)
        {
            var value = values[p.Offset + i];
            var probedValue = initial is null ? value : value - initial[p.Offset + i];
            sum += value;
            square += value * value;
            deltaSquare += probedValue * probedValue;
            probed += probedValue * probe[i];
        }

        columns["sum"][row] = sum;
        columns["l2"][row] = Math.Sqrt(square);
        columns["probe"][row] = columns["delta_probe"][row] = probed;
        if (initial is not null)
            columns["delta_l2"][row] = Math.Sqrt(deltaSquare);
    }

    private static double[] Probe(string name, long count)
    {
        if (Probes.TryGetValue((name, count), out var probe))
            return probe;
        probe = ProceduralRule.Probe(name, count);
        if (Probes.Sum(p => p.Key.Count) + count <= CachedAtMost)
            Probes[(name, count)] = probe;
        return probe;
    }
}
