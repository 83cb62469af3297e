using System.Xml.Linq;
using DiMum.Metrics;
using static DiMum.Runs.Report.Html;

namespace DiMum.Runs.Report;

/// <summary>Where the numbers come from: settings, environment, timings, what each measure is exactly, and the experiment itself.</summary>
internal static class Provenance
{
    public static XElement Section(RunResults run) =>
        El(
            "section",
            El("h2", "Settings and provenance"),
            El(
                "div",
                Class("columns"),
                Pairs("Settings", run.Settings),
                El("div", Pairs("Timings", Timings(run)), Pairs("Environment", run.Environment), Pairs("Classifier", Classifier(run)))
            ),
            run.Methods.Count == 0 ? null : Pairs("Methods: reading and source", Sources(run)),
            El("details", El("summary", "What each measure is, exactly"), El("ul", Identities(run).Select(identity => El("li", identity)))),
            El("details", El("summary", "The experiment as resolved (YAML)"), El("pre", run.ExperimentYaml))
        );

    private static XElement Pairs(string caption, IEnumerable<KeyValuePair<string, string>> pairs) =>
        El(
            "div",
            Class("table pairs"),
            El("p", Class("title"), caption),
            El("table", El("tbody", pairs.Select(p => El("tr", El("th", At("scope", "row"), p.Key), El("td", p.Value)))))
        );

    private static IEnumerable<KeyValuePair<string, string>> Timings(RunResults run)
    {
        yield return new("Whole run", Numbers.Duration(run.TotalSeconds));
        yield return new("Pre-training", $"{Numbers.Count(run.PretrainSteps)} steps, {Numbers.Duration(run.PretrainSecondsPerStep)} each");
        foreach (MethodResult m in run.Methods)
        {
            yield return new(
                Labels.Method(run, m),
                $"{Numbers.Count(m.Iterations)} iterations ({Numbers.Count(m.Updates)} updates), "
                    + $"{Numbers.Duration(m.SecondsPerIteration)} each"
            );
            foreach (AttackResult attack in m.Attacks)
            {
                yield return new(
                    $"{Labels.Method(run, m)}, attack {attack.Assumption}",
                    $"{Numbers.Count(Labels.Steps(attack))} steps, {Numbers.Duration(attack.SecondsPerStep)} each"
                );
            }
        }
    }

    private static IEnumerable<KeyValuePair<string, string>> Classifier(RunResults run)
    {
        yield return new("Identity", run.Classifier.Identity);
        Cell accuracy = Numbers.RateCell(run.Classifier.TestAccuracy);
        yield return new("Test accuracy", $"{accuracy.Main} ({accuracy.Detail})");
        if (run.Classifier.TestTopK is { } among)
        {
            Cell cell = Numbers.RateCell(among);
            yield return new(among.Metric.Split(',')[0], $"{cell.Main} ({cell.Detail})");
        }
    }

    private static IEnumerable<KeyValuePair<string, string>> Sources(RunResults run) =>
        run.Methods.Select(m => new KeyValuePair<string, string>(Labels.Method(run, m), $"{m.Reading}; {m.Source}"));

    private static IEnumerable<string> Identities(RunResults run) =>
        run
            .Methods.SelectMany(m => m.Attacks.SelectMany(a => a.Curve).Concat(m.Curve).Append(m.Final))
            .Append(run.Pretrained)
            .SelectMany(e => new[] { e.ArUnlearned, e.ArAlternative, e.RetainedAccuracy, e.Frechet })
            .OfType<Measured>()
            .Select(m => m.Metric)
            .Append(run.Classifier.TestAccuracy.Metric)
            .Distinct()
            .Order(StringComparer.Ordinal);
}
