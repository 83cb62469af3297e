namespace DiMum;

/// <summary>Finds the known name that a mistyped one was meant to be, so that an error can say «did you mean …».</summary>
public static class Nearest
{
    /// <summary>
    /// The member of <paramref name="known"/> at the smallest Levenshtein distance from <paramref name="name"/>, letter case ignored (the
    /// first of equals); null where even that is further than 0.4 of the longer name's length, rounded up, since it would only mislead.
    /// </summary>
    public static string? Of(string name, IEnumerable<string> known)
    {
        string? nearest = null;
        var least = int.MaxValue;
        foreach (var candidate in known)
        {
            var distance = Distance(name.ToLowerInvariant(), candidate.ToLowerInvariant());
            var bound = (2 * Math.Max(name.Length, candidate.Length) + 4) / 5;
            if (distance <= bound && distance < least)
                (nearest, least) = (candidate, distance);
        }
        return nearest;
    }

    /// <summary>The <paramref name="count"/> members of <paramref name="known"/> at the smallest distances that <see cref="Of"/> would accept, nearest first.</summary>
    public static IReadOnlyList<string> Several(string name, IEnumerable<string> known, int count) =>
        [
            .. known
                .Select(candidate => (Candidate: candidate, At: Distance(name.ToLowerInvariant(), candidate.ToLowerInvariant())))
                .Where(c => c.At <= (2 * Math.Max(name.Length, c.Candidate.Length) + 4) / 5)
                .OrderBy(c => c.At)
                .ThenBy(c => c.Candidate, StringComparer.Ordinal)
                .Take(count)
                .Select(c => c.Candidate),
        ];

    /// <summary>The fewest insertions, deletions and substitutions of one letter that lead from one to the other.</summary>
    internal static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray(); // row[j]: distance from a's first i letters to b's first j
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }
        return row[b.Length];
    }
}
