using System.Globalization;
using DiMum.Metrics;

namespace DiMum.Runs.Report;

/// <summary>Every Measured of a run, one row each, at full precision: what other programs read.</summary>
internal static class Csv
{
    private const string Header = "stage,method,reading,assumption,step,quantity,value,low,high,n,metric,of\n";

    public static string Of(RunResults run) =>
        Header
        + Row("classifier", null, "", 0, "test_accuracy", run.Classifier.TestAccuracy)
        + Row("classifier", null, "", 0, "test_top_k_accuracy", run.Classifier.TestTopK)
        + Rows("pretrained", null, "", run.Pretrained)
        + string.Concat(run.Methods.Select(MethodRows));

    private static string MethodRows(MethodResult m) =>
        string.Concat(m.Curve.Select(e => Rows("unlearning", m, "", e)))
        + Rows("unlearned", m, "", m.Final)
        + string.Concat(
            m.Attacks.Select(a =>
                string.Concat(a.Curve.Select(e => Rows("attack", m, a.Assumption, e)))
                + Row("attack-highest", m, a.Assumption, a.HighestAtStep, "ar_unlearned", a.HighestAr)
            )
        );

    private static string Rows(string stage, MethodResult? method, string assumption, Evaluation e) =>
        Row(stage, method, assumption, e.Step, "ar_unlearned", e.ArUnlearned)
        + Row(stage, method, assumption, e.Step, "ar_alternative", e.ArAlternative)
        + Row(stage, method, assumption, e.Step, "retained_accuracy", e.RetainedAccuracy)
        + Row(stage, method, assumption, e.Step, "frechet", e.Frechet)
        + Row(stage, method, assumption, e.Step, "object_accuracy", e.ObjectAccuracy);

    private static string Row(string stage, MethodResult? method, string assumption, int step, string quantity, Measured? m)
    {
        if (m is null)
        {
            return "";
        }
        string[] fields =
        [
            stage,
            method?.Name ?? "",
            method?.Reading ?? "",
            assumption,
            step.ToString(CultureInfo.InvariantCulture),
            quantity,
            Number(m.Value),
            Number(m.Low),
            Number(m.High),
            m.N.ToString(CultureInfo.InvariantCulture),
            m.Metric,
            m.Of,
        ];
        return string.Join(',', fields.Select(Quoted)) + "\n";
    }

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>RFC 4180: quoted where it holds a comma, a quote or a line break.</summary>
    private static string Quoted(string field) => field.AsSpan().ContainsAny(",\"\r\n") ? "\"" + field.Replace("\"", "\"\"") + "\"" : field;
}
