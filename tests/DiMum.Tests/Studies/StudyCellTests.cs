using DiMum.Runs;
using DiMum.Studies;
using DiMum.Tests.Data;
using DiMum.Tests.Runs;
using NUnit.Framework;

namespace DiMum.Tests.Studies;

/// <summary>A study's cell that is a whole run is run once, and read back only for the settings it was run with.</summary>
[NonParallelizable]
public class StudyCellTests
{
    [Test]
    public void A_cell_is_run_once_and_then_read_back()
    {
        using var folder = new TempFolder();
        var finished = new List<string>();
        RunResults? Results() => Context(folder).Results("one", TinyExperiment.Settings(), "run", (_, where) => finished.Add(where));
        var first = Results()!;
        var second = Results()!;
        Assert.That(finished, Is.EqualTo(new[] { folder["run"] }));
        Assert.That(Json.Write(second), Is.EqualTo(Json.Write(first)));
        Assert.That(first.Methods.Single().Attacks, Is.Not.Empty);
    }

    [Test]
    public void A_cell_of_other_settings_is_refused_in_one_line_that_names_it()
    {
        using var folder = new TempFolder();
        var context = Context(folder);
        context.Keep("one", ReportFixture.Bare() with { ExperimentYaml = YamlRecord.Write(TinyExperiment.Settings()) });
        Assert.That(Of("workers=2"), Is.Not.Null, "results do not depend on the number of workers");
        Assert.That(
            () => Of("attack.rate=0.5"),
            Throws
                .TypeOf<UserError>()
                .With.Message.EqualTo($"{folder["cells/one.json"]}: a cell of other settings than this study's; give --out a new folder")
        );
        Assert.That(Directory.Exists(folder["run"]), Is.False);

        RunResults? Of(string setting) => context.Results("one", TinyExperiment.Settings(setting), "run", (_, _) => Assert.Fail());
    }

    [Test]
    public void No_cell_is_begun_after_a_stop_was_asked_for()
    {
        using var folder = new TempFolder();
        var context = Context(folder) with { Cancel = new(canceled: true) };
        Assert.That(context.Results("one", TinyExperiment.Settings(), "run", (_, _) => Assert.Fail()), Is.Null);
        Assert.That(Directory.Exists(folder["run"]), Is.False);
    }

    private static StudyContext Context(TempFolder folder) => new(folder.Root, new SilentObserver(), 1, default);
}
