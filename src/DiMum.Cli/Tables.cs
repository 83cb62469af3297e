using System.Globalization;
using DiMum.Metrics;
using DiMum.Runs;
using Spectre.Console;

namespace DiMum.Cli;

/// <summary>Results as console tables.</summary>
internal static class Tables
{
    public static void Print(RunResults results)
    {
        var table = new Table().RoundedBorder().AddColumns("model", "AR_u", "retained accuracy", "Fréchet*");
        var things = results.Pretrained.ObjectAccuracy is not null;
        if (things)
            table.AddColumn("objects");
        var assumptions = results.Methods.SelectMany(m => m.Attacks).Select(a => a.Assumption).Distinct().ToList();
        foreach (var assumption in assumptions)
            table.AddColumn($"highest AR_a ({assumption})");
        Row("pre-trained", results.Pretrained, []);
        foreach (var method in results.Methods)
            Row(method.Name, method.Final, method.Attacks);
        AnsiConsole.Write(table);
        AnsiConsole.WriteLine(
            $"n = {results.Pretrained.ArUnlearned.N}, 95 % intervals, one seed. * on the classifier's features; not FID."
        );

        void Row(string name, Evaluation e, IReadOnlyList<AttackResult> attacks)
        {
            var cells = new List<string> { name, Share(e.ArUnlearned), Share(e.RetainedAccuracy), Plain(e.Frechet) };
            if (things)
                cells.Add(Share(e.ObjectAccuracy));
            cells.AddRange(assumptions.Select(a => Share(attacks.FirstOrDefault(r => r.Assumption == a)?.HighestAr)));
            table.AddRow(cells.Select(Markup.Escape).ToArray());
        }
    }

    public static void Print(AttackResult result)
    {
        var table = new Table().RoundedBorder().AddColumns("step", "AR_a", "AR of the alternative");
        foreach (var e in result.Curve)
            table.AddRow($"{e.Step}", Markup.Escape(Share(e.ArUnlearned)), Markup.Escape(Share(e.ArAlternative)));
        AnsiConsole.Write(table);
        AnsiConsole.WriteLine(
            $"highest AR_a {Share(result.HighestAr)} at step {result.HighestAtStep}; "
                + (result.FirstStepAbove10Percent is { } s ? $"above 10 % from step {s}" : "never above 10 %")
        );
    }

    public static void Print(Evaluation e)
    {
        var table = new Table().RoundedBorder().AddColumns("measure", "value", "n");
        void Row(string name, string value, Measured? m) => table.AddRow(Markup.Escape(name), Markup.Escape(value), $"{m?.N}");
        Row("AR of the unlearned class", Share(e.ArUnlearned), e.ArUnlearned);
        Row("AR of the alternative", Share(e.ArAlternative), e.ArAlternative);
        Row("retained-class accuracy", Share(e.RetainedAccuracy), e.RetainedAccuracy);
        Row("Fréchet distance (classifier features)", Plain(e.Frechet), e.Frechet);
        if (e.ObjectAccuracy is { } things)
            Row("objects right under retained prompts", Share(things), things);
        AnsiConsole.Write(table);
    }

    private static string Share(Measured? m) =>
        m is null ? "–" : string.Create(CultureInfo.InvariantCulture, $"{100 * m.Value:f1} % [{100 * m.Low:f1}, {100 * m.High:f1}]");

    private static string Plain(Measured? m) =>
        m is null ? "–" : string.Create(CultureInfo.InvariantCulture, $"{m.Value:f2} [{m.Low:f2}, {m.High:f2}]");
}
