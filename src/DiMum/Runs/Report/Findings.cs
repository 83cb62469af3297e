using DiMum.Metrics;

namespace DiMum.Runs.Report;

/// <summary>What an interval lets one say about a rate and the 10 % mark.</summary>
internal enum Side
{
    Below,
    Above,
    Unclear,
}

/// <summary>What became of the unlearned class under an attack.</summary>
internal enum Fate
{
    /// <summary>It had not been forgotten before the attack, so there was nothing to bring back.</summary>
    NeverLeft,

    /// <summary>The highest AR_a lies above 10 % and above AR_u, interval and all.</summary>
    CameBack,

    /// <summary>The highest AR_a lies at or below 10 %, interval and all.</summary>
    StayedAway,

    /// <summary>The intervals allow neither statement.</summary>
    Unclear,
}

/// <summary>How the intervals of two highest AR_a lie.</summary>
internal enum Relation
{
    Above,
    Below,
    Overlap,

    /// <summary>Measured in unlike ways or without intervals: not to be compared.</summary>
    Unlike,
}

/// <summary>Whether an attack's results bear the paper's order out.</summary>
internal enum OrderVerdict
{
    Agrees,
    AgreesInPart,
    CannotBeTold,
    Contradicts,
    NotComparable,
}

/// <summary>Two methods of the paper's order, the one it places higher first.</summary>
internal sealed record Comparison(string Upper, Measured UpperAr, string Lower, Measured LowerAr, Relation Relation);

/// <summary>The judgements behind the summary. All rest on 95 % intervals, none on bare values.</summary>
internal static class Findings
{
    /// <summary>The mark for "came back", as in <see cref="AttackResult.FirstStepAbove10Percent"/>.</summary>
    public const double Mark = 0.10;

    public static Side SideOf(Measured rate) =>
        rate.High <= Mark ? Side.Below
        : rate.Low > Mark ? Side.Above
        : Side.Unclear;

    public static Fate FateOf(Measured after, Measured highest) =>
        SideOf(after) == Side.Above ? Fate.NeverLeft
        : SideOf(highest) == Side.Below ? Fate.StayedAway
        : SideOf(highest) == Side.Above && highest.Low > after.High ? Fate.CameBack
        : Fate.Unclear;

    public static Relation RelationOf(Measured upper, Measured lower) =>
        upper.Metric != lower.Metric || !(upper.Low <= upper.High && lower.Low <= lower.High) ? Relation.Unlike
        : upper.Low > lower.High ? Relation.Above
        : upper.High < lower.Low ? Relation.Below
        : Relation.Overlap;

    /// <summary>Every pair of the run's methods that the paper's order speaks of, under one assumption.</summary>
    public static IReadOnlyList<Comparison> Compare(RunResults run, string assumption)
    {
        var attacked = run
            .Methods.Select(m => (Rank: Rank(run, m.Name), Label: Labels.Method(run, m), Attack: m.Under(assumption)))
            .Where(m => m.Rank >= 0 && m.Attack is not null)
            .Select(m => (m.Rank, m.Label, Ar: m.Attack!.HighestAr))
            .OrderBy(m => m.Rank)
            .ToArray();
        return
        [
            .. from upper in attacked
            from lower in attacked
            where upper.Rank < lower.Rank
            select new Comparison(upper.Label, upper.Ar, lower.Label, lower.Ar, RelationOf(upper.Ar, lower.Ar)),
        ];
    }

    /// <summary>The paper's order over pairs: contradicted by one reversed pair, borne out only by all of them.</summary>
    public static OrderVerdict Judge(IReadOnlyCollection<Comparison> pairs) =>
        pairs.Count == 0 || pairs.Any(p => p.Relation == Relation.Unlike) ? OrderVerdict.NotComparable
        : pairs.Any(p => p.Relation == Relation.Below) ? OrderVerdict.Contradicts
        : pairs.All(p => p.Relation == Relation.Above) ? OrderVerdict.Agrees
        : pairs.Any(p => p.Relation == Relation.Above) ? OrderVerdict.AgreesInPart
        : OrderVerdict.CannotBeTold;

    /// <summary>True where the highest AR_a of the order's methods were not taken over the same attack steps.</summary>
    public static bool UnlikeSteps(RunResults run, string assumption) =>
        run.Methods.Where(m => Rank(run, m.Name) >= 0)
            .Select(m => m.Under(assumption))
            .OfType<AttackResult>()
            .Select(a => string.Join(',', a.Curve.Select(e => e.Step)))
            .Distinct()
            .Count() > 1;

    private static int Rank(RunResults run, string method) =>
        PaperNumbers.Order(run).Select((name, i) => (name, i)).Where(p => p.name == method).Select(p => p.i).DefaultIfEmpty(-1).First();
}
