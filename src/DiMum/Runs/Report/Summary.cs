using DiMum.Data.UnlearnCanvas;
using DiMum.Metrics;

namespace DiMum.Runs.Report;

/// <summary>A heading and what there is to say under it, in plain words.</summary>
internal sealed record SummaryPart(string Heading, IReadOnlyList<string> Sentences);

/// <summary>
/// The run in plain language. Every statement is derived from the numbers and their intervals; see <see cref="Findings"/>.
/// </summary>
internal static class Summary
{
    public static IReadOnlyList<SummaryPart> Of(RunResults run) =>
        [
            new("What was done", [.. Task(run)]),
            new("Before", [.. Before(run)]),
            new("After unlearning", [.. AfterUnlearning(run)]),
            new("The other classes", [.. Retained(run)]),
            new("After the attack", [.. AfterAttack(run)]),
            .. PairsOf(run),
            new("Against the paper’s order", [.. OrderSummary.Of(run)]),
            new("What limits this", [.. Limits(run)]),
        ];

    private static IEnumerable<string> Task(RunResults run)
    {
        yield return $"A diffusion model that draws a class on request was trained for {Numbers.Count(run.PretrainSteps)} steps and "
            + $"then made to forget {Labels.Unlearned(run)}. Data: {run.DataDescription.TrimEnd('.')}.";
        if (run.AlternativeClasses.Count > 0)
        {
            string[] names = [.. run.AlternativeClasses.Select(index => Labels.Class(run, index))];
            yield return $"Replacement for methods that need one (DiMUM memorizes its images): {Numbers.Listed(names)}.";
        }
    }

    private static IEnumerable<string> Before(RunResults run)
    {
        Measured rate = run.Pretrained.ArUnlearned;
        yield return $"Asked for {Labels.Unlearned(run)}, the pre-trained model drew an image that the classifier takes for one "
            + $"{Numbers.Rate(rate)} of the time (n = {Numbers.Count(rate.N)}; brackets hold 95 % intervals, in percent).";
        if (Findings.SideOf(rate) != Side.Above)
        {
            yield return "That is not clearly above 10 %: this model did not master the class, so neither forgetting it nor its return "
                + "means much here.";
        }
    }

    private static IEnumerable<string> AfterUnlearning(RunResults run)
    {
        if (run.Methods.Count == 0)
        {
            yield return "No unlearning method has been run yet.";
        }
        foreach (var alike in run.Methods.GroupBy(m => Forgotten(Findings.SideOf(m.Final.ArUnlearned), m.Name == Labels.Retrain)))
        {
            string[] methods = [.. alike.Select(m => $"{Labels.Method(run, m)} {Numbers.Rate(m.Final.ArUnlearned)}")];
            yield return $"{alike.Key}: {Numbers.Listed(methods)}.";
        }
    }

    private static string Forgotten(Side side, bool reference) =>
        (side, reference) switch
        {
            (Side.Below, true) => "The reference that never saw the class",
            (_, true) => "Not clearly below 10 %, although this reference never saw the class",
            (Side.Below, _) => "Forgotten (the whole interval is at or below 10 %)",
            (Side.Above, _) => "Not forgotten (the whole interval is above 10 %)",
            _ => "Not clear (the interval includes 10 %)",
        };

    /// <summary>A model that draws nothing well any more has forgotten everything: so forgetting is told together with its price.</summary>
    private static IEnumerable<string> Retained(RunResults run)
    {
        if (run.Pretrained.RetainedAccuracy is not { } before)
        {
            yield return "How well the other classes are drawn has not been measured.";
            yield break;
        }
        yield return $"Asked for one of the other classes, the pre-trained model drew it {Numbers.Rate(before)} of the time.";
        var after = run
            .Methods.Where(m => m.Final.RetainedAccuracy is not null)
            .GroupBy(m => Findings.RelationOf(before, m.Final.RetainedAccuracy!));
        foreach (var alike in after)
        {
            string[] methods = [.. alike.Select(m => $"{Labels.Method(run, m)} {Numbers.Rate(m.Final.RetainedAccuracy!)}")];
            yield return $"{Price(alike.Key)}: {Numbers.Listed(methods)}.";
        }
    }

    private static string Price(Relation beforeToAfter) =>
        beforeToAfter switch
        {
            Relation.Above => "Worse than before (intervals apart)",
            Relation.Below => "Better than before (intervals apart)",
            Relation.Overlap => "Not told apart from before (intervals overlap)",
            _ => "Measured in another way or without an interval, so not compared",
        };

    private static IEnumerable<string> AfterAttack(RunResults run)
    {
        IReadOnlyList<string> assumptions = Labels.AssumptionsOf(run);
        if (assumptions.Count == 0)
        {
            yield return "No attack has been run yet, so this run does not say whether the class can be brought back.";
        }
        foreach (string assumption in assumptions)
        {
            string fates = string.Join("; ", Fates(run, assumption));
            yield return $"Attack {assumption}, training on {Labels.AuxiliaryData(assumption)}: {fates}.";
        }
    }

    private static IEnumerable<string> Fates(RunResults run, string assumption)
    {
        var attacked = run
            .Methods.Select(m => (Method: m, Attack: m.Under(assumption)))
            .Where(m => m.Attack is not null)
            .ToLookup(
                m => Findings.FateOf(m.Method.Final.ArUnlearned, m.Attack!.HighestAr),
                m => $"{Labels.Method(run, m.Method)} ({Reached(m.Attack!)})"
            );
        foreach (Fate fate in Enum.GetValues<Fate>().Where(attacked.Contains))
        {
            yield return Phrase(fate, Numbers.Listed([.. attacked[fate]]));
        }
        string[] missing =
        [
            .. run.Methods.Where(m => m.Name != Labels.Retrain && m.Under(assumption) is null).Select(m => Labels.Method(run, m)),
        ];
        if (missing.Length > 0)
        {
            yield return $"not attacked this way: {Numbers.Listed(missing)}";
        }
    }

    private static string Phrase(Fate fate, string methods) =>
        fate switch
        {
            Fate.CameBack => $"the class came back in {methods}",
            Fate.StayedAway => $"it did not come back in {methods}",
            Fate.NeverLeft => $"nothing to bring back in {methods}, not forgotten before the attack",
            _ => $"cannot be told for {methods}, where the intervals allow both",
        };

    private static string Reached(AttackResult attack) =>
        $"highest {Numbers.Rate(attack.HighestAr)} in {Numbers.Count(Labels.Steps(attack))} steps";

    private static IEnumerable<SummaryPart> PairsOf(RunResults run)
    {
        string[] sentences = [.. Pairs.Sentences(run)];
        if (sentences.Length > 0)
        {
            yield return new("Who can be told apart", sentences);
        }
    }

    private static IEnumerable<string> Limits(RunResults run)
    {
        long[] counts = [.. Rates(run).Select(rate => rate.N).Distinct().Order()];
        string n = counts.Length == 1 ? Numbers.Count(counts[0]) : $"{Numbers.Count(counts[0])} to {Numbers.Count(counts[^1])}";
        yield return $"Each rate rests on n = {n} images, and its interval covers only the luck of drawing those images. "
            + $"Everything was trained once, with one seed ({run.Seed}): how much another training run would differ is not known.";
        if (Labels.AssumptionsOf(run).Count > 0)
        {
            yield return $"The highest of several measured steps leans upwards by chance; its interval is {Labels.IntervalOfHighest(run)}.";
        }
        if (StyleTables.Suit(run))
        {
            if (run.ClassNames.Count < CanvasLabels.Released.Styles.Count)
            {
                yield return $"This is a miniature: a small network trained from nothing for {Numbers.Count(run.PretrainSteps)} steps on drawn "
                    + "pictures, where the paper took Stable Diffusion v1.5 fine-tuned on UnlearnCanvas. It settles nothing about full scale.";
            }
        }
        else if (run.PretrainSteps < PaperNumbers.PretrainSteps)
        {
            yield return $"This is a miniature: {Numbers.Count(run.PretrainSteps)} pre-training steps where the paper took "
                + $"{Numbers.Count(PaperNumbers.PretrainSteps)}. It shows how the methods behave here and settles nothing about full "
                + "scale.";
        }
    }

    private static IEnumerable<Measured> Rates(RunResults run) =>
        run.Methods.SelectMany(m => m.Attacks.Select(a => a.HighestAr).Append(m.Final.ArUnlearned)).Append(run.Pretrained.ArUnlearned);
}
