using System.Xml.Linq;
using DiMum.Metrics;
using static DiMum.Runs.Report.Html;

namespace DiMum.Runs.Report;

/// <summary>The summary box: the sentences of <see cref="Summary"/> and one small table of who forgot and who remembered.</summary>
internal static class Glance
{
    public static XElement Box(RunResults run) =>
        El(
            "section",
            Class("summary"),
            El("h2", "In short"),
            run.Methods.Count == 0 ? null : Matrix(run),
            Summary
                .Of(run)
                .Select(part =>
                    El(
                        "div",
                        Class("part"),
                        El("h3", part.Heading),
                        part.Sentences.Count == 1 ? P(part.Sentences[0]) : El("ul", part.Sentences.Select(s => El("li", Prose(s))))
                    )
                )
        );

    private static XElement Matrix(RunResults run)
    {
        IReadOnlyList<string> assumptions = Labels.AssumptionsOf(run);
        return El(
            "div",
            Class("table glance"),
            El("p", Class("note"), Note(run)),
            El(
                "table",
                El(
                    "thead",
                    El(
                        "tr",
                        new[] { El("th", At("scope", "col"), "Method"), El("th", At("scope", "col"), "After unlearning") },
                        assumptions.Select(a =>
                            El("th", At("scope", "col"), $"After attack {a}", El("small", Labels.AuxiliaryDataShort(a)))
                        )
                    )
                ),
                El("tbody", run.Methods.Select(m => Row(run, m, assumptions)))
            )
        );
    }

    private static string Note(RunResults run) =>
        $"Of the images asked for as {Labels.Unlearned(run)}, the share that the classifier takes for {Labels.Unlearned(run)}, "
        + "with its 95 % interval in brackets; after an attack, the highest share along it. "
        + "The words follow the whole interval: is it below 10 %, above, or across?";

    private static XElement Row(RunResults run, MethodResult method, IEnumerable<string> assumptions) =>
        El(
            "tr",
            El("th", At("scope", "row"), Samples.Swatch(MethodLook.Of(run, method)), Labels.Method(run, method)),
            Pill("After unlearning", AfterUnlearning(method), method.Final.ArUnlearned),
            assumptions.Select(a =>
                method.Under(a) is { } attack
                    ? Pill($"After attack {a}", AfterAttack(method, attack), attack.HighestAr)
                    : El("td", At("data-head", $"After attack {a}"), Numbers.Absent)
            )
        );

    private static XElement Pill(string head, (string Look, string Word) pill, Measured rate) =>
        El("td", At("data-head", head), El("span", Class("pill " + pill.Look), pill.Word), El("small", Numbers.Rate(rate)));

    private static (string Look, string Word) AfterUnlearning(MethodResult method) =>
        (Findings.SideOf(method.Final.ArUnlearned), method.Name == Labels.Retrain) switch
        {
            (Side.Below, true) => ("good", "never learned"),
            (Side.Below, _) => ("good", "forgotten"),
            (Side.Above, _) => ("bad", "not forgotten"),
            _ => ("unclear", "not clear"),
        };

    private static (string Look, string Word) AfterAttack(MethodResult method, AttackResult attack) =>
        Findings.FateOf(method.Final.ArUnlearned, attack.HighestAr) switch
        {
            Fate.CameBack => ("bad", "came back"),
            Fate.StayedAway => ("good", "stayed away"),
            Fate.NeverLeft => ("unclear", "never left"),
            _ => ("unclear", "not clear"),
        };
}
