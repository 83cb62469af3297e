using DiMum.Metrics;

namespace DiMum.Runs.Report;

/// <summary>
/// Whether the highest AR_a agree with the paper's order SFR-on ≥ SalUn ≥ DiMUM, contradict it or cannot tell: one sentence an assumption.
/// </summary>
internal static class OrderSummary
{
    public static IEnumerable<string> Of(RunResults run)
    {
        yield return $"In the paper the highest AR_a are ordered {string.Join(" ≥ ", PaperNumbers.Order(run))}.";
        string[] judged = [.. Labels.AssumptionsOf(run).Where(a => Findings.Compare(run, a).Count > 0)];
        if (judged.Length == 0)
        {
            yield return "Fewer than two of these methods have been attacked in the same way here, so there is no order to compare yet.";
        }
        foreach (string assumption in judged)
        {
            IReadOnlyList<Comparison> pairs = Findings.Compare(run, assumption);
            yield return $"Attack {assumption}: {Verdict(pairs)}. Highest AR_a: "
                + $"{Values(pairs)}.{Relations(pairs)}{Caveats(run, assumption)}";
        }
    }

    private static string Verdict(IReadOnlyCollection<Comparison> pairs) =>
        Findings.Judge(pairs) switch
        {
            OrderVerdict.Agrees => "this run agrees with that order",
            OrderVerdict.AgreesInPart => "this run agrees with part of that order and cannot tell the rest",
            OrderVerdict.Contradicts =>
                $"this run contradicts that order in {pairs.Count(p => p.Relation == Relation.Below)} of {pairs.Count} pairs",
            OrderVerdict.CannotBeTold => "this run cannot tell whether that order holds",
            _ => "this run is not compared with that order, because its rates were measured in unlike ways or without intervals",
        };

    private static string Values(IReadOnlyList<Comparison> pairs)
    {
        IEnumerable<(string Label, Measured Ar)> inOrder = pairs
            .Select(p => (p.Upper, p.UpperAr))
            .Concat(pairs.Select(p => (p.Lower, p.LowerAr)))
            .DistinctBy(p => p.Item1);
        return Numbers.Listed([.. inOrder.Select(m => $"{m.Label} {Numbers.Rate(m.Ar)}")]);
    }

    private static string Relations(IReadOnlyList<Comparison> pairs) =>
        Findings.Judge(pairs) switch
        {
            OrderVerdict.NotComparable => "",
            OrderVerdict.Agrees => " No method’s interval overlaps another’s.",
            _ => Named(pairs, Relation.Below, "below", "Reversed, with intervals apart: ")
                + Named(pairs, Relation.Above, "above", "As in the paper, with intervals apart: ")
                + Named(pairs, Relation.Overlap, "and", "Overlapping intervals, so not told apart: "),
        };

    private static string Named(IEnumerable<Comparison> pairs, Relation relation, string word, string lead)
    {
        string[] chosen = [.. pairs.Where(p => p.Relation == relation).Select(p => $"{p.Upper} {word} {p.Lower}")];
        return chosen.Length == 0 ? "" : $" {lead}{string.Join("; ", chosen)}.";
    }

    private static string Caveats(RunResults run, string assumption)
    {
        MethodResult[] attacked = [.. run.Methods.Where(m => m.Under(assumption) is not null)];
        string[] absent = [.. PaperNumbers.Order(run).Except(attacked.Select(m => m.Name))];
        string[] unforgotten =
        [
            .. attacked
                .Where(m => PaperNumbers.Order(run).Contains(m.Name) && Findings.SideOf(m.Final.ArUnlearned) != Side.Below)
                .Select(m => Labels.Method(run, m)),
        ];
        return (absent.Length > 0 ? $" Not part of this comparison: {Numbers.Listed(absent)}." : "")
            + (
                unforgotten.Length > 0
                    ? $" Mind that {Numbers.Listed(unforgotten)} had not clearly forgotten the class before the attack."
                    : ""
            )
            + (Findings.UnlikeSteps(run, assumption) ? " Mind that the highest values were not taken over the same attack steps." : "");
    }
}
