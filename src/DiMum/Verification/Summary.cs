namespace DiMum.Verification;

/// <summary>
/// The other format of arrays, without a tolerance of its own: {shape, numel, sum, mean, std, abs_max, l2} and either all data or first16, last16 and
/// strided with flat index ⌊j·numel/count⌋.
/// </summary>
internal static class Summary
{
    private static readonly HashSet<string> Members =
    [
        "shape",
        "numel",
        "sum",
        "mean",
        "std",
        "abs_max",
        "l2",
        "data",
        "first16",
        "last16",
        "strided",
    ];

    /// <summary>Compares an array in C order; elements, mean, deviation and largest value within <paramref name="atol"/>.</summary>
    public static void Compare(Checker check, GoldenNode want, long[] shape, double[] got, double atol)
    {
        want.Use();
        var wanted = want["shape"].Integers();
        check.Require(
            shape.SequenceEqual(wanted),
            want.Path,
            $"got shape [{string.Join(',', shape)}], expected [{string.Join(',', wanted)}]"
        );
        if (!shape.SequenceEqual(wanted))
            return;
        void Run(string member, Func<int, long> place, GoldenNode? list)
        {
            var numbers = list?.Numbers() ?? [];
            for (var i = 0; i < numbers.Length; i++)
                check.Compare($"{want.Path}/{member}", i, got[place(i)], numbers[i], atol);
        }

        Run("data", i => i, want.Find("data"));
        Run("first16", i => i, want.Find("first16"));
        Run("last16", i => got.Length - Math.Min(16, got.Length) + i, want.Find("last16"));
        var strided = want.Find("strided");
        Run("strided", i => i * (long)got.Length / strided!.Value["count"].Integer(), strided?.Find("values"));
        Statistics(check, want, got, atol);
        check.Unknown.AddRange(want.Members().Where(m => !Members.Contains(m.Name)).Select(m => m.Node.Path));
    }

    // Errors of at most atol an element move the mean, the deviation and the maximum by at most atol, the length by atol·√n, the sum by atol·n.
    private static void Statistics(Checker check, GoldenNode want, double[] got, double atol)
    {
        var mean = got.Average();
        check.Number(want["numel"], got.Length);
        check.Number(want["sum"], got.Sum(), atol * got.Length);
        check.Number(want["mean"], mean, atol);
        check.Number(want["std"], Math.Sqrt(got.Sum(v => (v - mean) * (v - mean)) / got.Length), atol);
        check.Number(want["abs_max"], got.Max(Math.Abs), atol);
        check.Number(want["l2"], Math.Sqrt(got.Sum(v => v * v)), atol * Math.Sqrt(got.Length));
    }
}
