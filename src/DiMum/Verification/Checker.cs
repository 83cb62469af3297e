using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification;

/// <summary>Compares values with a file's and keeps count: |got − value| ≤ atol passes, with the file's own atol.</summary>
internal sealed class Checker
{
    private const int MaxMessages = 5;
    private static readonly HashSet<string> TensorMembers =
    [
        "shape",
        "atol",
        "values",
        "first16",
        "last16",
        "strided",
        "stats",
        "max_diff_f32_f64",
        "meaning",
    ];
    private readonly List<string> messages = [];

    /// <summary>Numbers compared.</summary>
    public int Checks { get; private set; }

    /// <summary>Comparisons that failed.</summary>
    public int Failures { get; private set; }

    /// <summary>Table entries left out because the file calls them ill-conditioned.</summary>
    public int Skipped { get; private set; }

    /// <summary>Largest |error|/atol.</summary>
    public double Worst { get; private set; }

    /// <summary>Where.</summary>
    public string WorstAt { get; private set; } = "";

    /// <summary>Parts of a value that are of no known kind.</summary>
    public List<string> Unknown { get; } = [];

    /// <summary>The first failures, and how many there are.</summary>
    public string Message => string.Join("; ", messages) + (Failures > messages.Count ? $"; and {Failures - messages.Count} more" : "");

    /// <summary>Compares one number; <paramref name="index"/> names an element of it, −1 none.</summary>
    public void Compare(string path, long index, double got, double want, double atol)
    {
        Checks++;
        var error = Math.Abs(got - want);
        var ratio = got.Equals(want) || error == 0 ? 0 : error / atol; // atol 0: infinite; NaN stays NaN
        if (!(ratio <= Worst))
            (Worst, WorstAt) = (double.IsNaN(ratio) ? double.PositiveInfinity : ratio, Place(path, index));
        if (ratio <= 1)
            return;
        Fail(FormattableString.Invariant($"{Place(path, index)}: got {got:g9}, expected {want:g9} ± {atol:g3}"));
    }

    /// <summary>A comparison that is right or wrong.</summary>
    public void Require(bool right, string path, string message)
    {
        Checks++;
        if (right)
            return;
        (Worst, WorstAt) = (double.PositiveInfinity, path.TrimStart('/'));
        Fail($"{path.TrimStart('/')}: {message}");
    }

    /// <summary>A {value, atol} entry with one number.</summary>
    public void Scalar(GoldenNode want, double got)
    {
        want.Use();
        Compare(want.Path, -1, got, want["value"].Number(), want["atol"].Number());
    }

    /// <summary>A plain number that must be met exactly, or within <paramref name="atol"/>.</summary>
    public void Number(GoldenNode want, double got, double atol = 0) => Compare(want.Path, -1, got, want.Number(), atol);

    /// <summary>A plain list of numbers, with one tolerance for all.</summary>
    public void Numbers(GoldenNode want, IReadOnlyList<double> got, double atol = 0)
    {
        var values = want.Numbers();
        if (SameCount(want, got.Count, values.Length))
            for (var i = 0; i < values.Length; i++)
                Compare(want.Path, i, got[i], values[i], atol);
    }

    /// <summary>A {value[], atol[]} entry of counts; a tolerance without list holds for all.</summary>
    public void Counts(GoldenNode want, IReadOnlyList<long> got)
    {
        want.Use();
        var (values, atol) = (want["value"], want["atol"]);
        if (values.Element.ValueKind == System.Text.Json.JsonValueKind.Number)
        {
            Compare(want.Path, -1, got.Sum(), values.Number(), atol.Number());
            return;
        }

        var (numbers, tolerances) = (values.Numbers(), atol.Numbers());
        if (SameCount(want, got.Count, numbers.Length))
            for (var i = 0; i < numbers.Length; i++)
                Compare(want.Path, i, got[i], numbers[i], tolerances[i]);
    }

    /// <summary>A tensor entry: shape, all values or first, last and strided ones, and the statistics.</summary>
    public void Tensor(GoldenNode want, Tensor got)
    {
        want.Use();
        var shape = want["shape"].Integers();
        Require(
            got.shape.SequenceEqual(shape),
            want.Path,
            $"got shape [{string.Join(',', got.shape)}], expected [{string.Join(',', shape)}]"
        );
        if (!got.shape.SequenceEqual(shape))
            return;
        var (values, atol) = (Doubles(got), want["atol"].Number());
        void Run(GoldenNode list, Func<int, long> place)
        {
            var numbers = list.Numbers();
            for (var i = 0; i < numbers.Length; i++)
                Compare(want.Path, place(i), values[place(i)], numbers[i], atol);
        }

        if (want.Find("values") is { } all && SameCount(all, values.Length, all.Numbers().Length))
            Run(all, i => i);
        if (want.Find("first16") is { } first)
            Run(first, i => i);
        if (want.Find("last16") is { } last)
            Run(last, i => values.Length - last.Numbers().Length + i);
        if (want.Find("strided") is { } strided)
        {
            var (start, stride) = (strided.Find("start")?.Integer() ?? 0, strided["stride"].Integer());
            Run(strided["values"], i => start + i * stride);
        }

        if (want.Find("stats") is { } stats)
            Statistics(stats, values, atol);
        Unknown.AddRange(want.Members().Where(m => !TensorMembers.Contains(m.Name)).Select(m => m.Node.Path));
    }

    /// <summary>A table: one number a parameter in every column, the indices that the file calls ill-conditioned left out.</summary>
    public void Table(GoldenNode want, ParameterTable got)
    {
        want.Use();
        var skip = want["ill_conditioned_param_indices"].Integers().ToHashSet();
        foreach (var (name, column) in want.Members())
        {
            if (name == "ill_conditioned_param_indices" || name.EndsWith("_atol", StringComparison.Ordinal))
                continue;
            if (got.Column(name) is not { } mine)
            {
                Unknown.Add(column.Path);
                continue;
            }

            var (values, atol) = (column.Numbers(), want[name + "_atol"].Numbers());
            if (!SameCount(column, mine.Length, values.Length))
                continue;
            for (var i = 0; i < values.Length; i++)
                if (skip.Contains(i))
                    Skipped++;
                else
                    Compare(column.Path, i, mine[i], values[i], atol[i]);
        }
    }

    /// <summary>A tensor's elements in C order.</summary>
    public static double[] Doubles(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        var flat = tensor.detach().to(ScalarType.Float64).cpu().contiguous();
        return MemoryMarshal.Cast<byte, double>(flat.bytes).ToArray();
    }

    private void Statistics(GoldenNode want, double[] values, double atol)
    {
        var (sum, square) = (values.Sum(), values.Sum(v => v * v));
        var mean = sum / values.Length;
        var std = Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / values.Length);
        Compare(want.Path + "/sum", -1, sum, want["sum"].Number(), want["sum_atol"].Number());
        Compare(want.Path + "/l2", -1, Math.Sqrt(square), want["l2"].Number(), want["l2_atol"].Number());
        // Errors of at most atol an element move the mean and the deviation by at most atol.
        Compare(want.Path + "/mean", -1, mean, want["mean"].Number(), atol);
        Compare(want.Path + "/std", -1, std, want["std"].Number(), atol);
    }

    private bool SameCount(GoldenNode want, int got, int expected)
    {
        if (got == expected)
            return true;
        Require(false, want.Path, $"got {got} values, expected {expected}");
        return false;
    }

    private void Fail(string message)
    {
        if (Failures++ < MaxMessages)
            messages.Add(message);
    }

    private static string Place(string path, long index) => index < 0 ? path.TrimStart('/') : $"{path.TrimStart('/')}[{index}]";
}
