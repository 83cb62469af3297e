using DiMum.Cli;
using DiMum.Runs;
using NUnit.Framework;
using Spectre.Console;

namespace DiMum.Tests.Runs;

/// <summary>What the console's tables show of a run on styles: objects too. Made-up numbers.</summary>
[NonParallelizable]
public class ConsoleTableTests
{
    [TestCase(true)]
    [TestCase(false)]
    public void Objects_stand_in_both_tables_where_they_were_measured(bool measured)
    {
        var run = ReportFixture.Bare();
        var objects = measured ? ReportFixture.Rate(0.8125, 640) : null;
        run = run with { Pretrained = run.Pretrained with { ObjectAccuracy = objects } };
        foreach (var text in new[] { Printed(() => Tables.Print(run)), Printed(() => Tables.Print(run.Pretrained)) })
        {
            Assert.That(text, Does.Contain("AR").And.Contain("3.21"));
            Assert.That(text.Contains("objects", StringComparison.Ordinal), Is.EqualTo(measured));
            Assert.That(text.Contains("81.2 %", StringComparison.Ordinal), Is.EqualTo(measured));
        }
    }

    private static string Printed(Action print)
    {
        var before = AnsiConsole.Console;
        using var caught = new StringWriter();
        try
        {
            AnsiConsole.Console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(caught) });
            AnsiConsole.Console.Profile.Width = 160;
            print();
            return caught.ToString();
        }
        finally
        {
            AnsiConsole.Console = before;
        }
    }
}
