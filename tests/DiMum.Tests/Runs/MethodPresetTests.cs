using DiMum.Runs;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>Numbers of methods by data set and reading.</summary>
public class MethodPresetTests
{
    [TestCaseSource(typeof(MethodPresets), nameof(MethodPresets.Names))]
    public void Every_entry_names_a_method_and_a_reading_that_run_once_each(string data)
    {
        var methods = MethodPresets.Of(data);
        Assert.That(methods, Is.Not.Empty);
        Assert.That(methods.Select(m => m.Label), Is.Unique);
        foreach (var m in methods)
            Assert.That(() => MethodRegistry.Create(m), Throws.Nothing, m.Label);
    }

    [TestCaseSource(typeof(MethodPresets), nameof(MethodPresets.Names))]
    public void Every_entry_that_has_a_balance_writes_it_out(string data)
    {
        string[] without = ["fine-tune-retain", "retrain"];
        foreach (var m in MethodPresets.Of(data).Where(m => !without.Contains(m.Name)))
            Assert.That(m.Retain is not null && m.Unlearning is not null, m.Label);
    }

    [Test]
    public void The_images_have_every_method_of_the_paper_in_every_reading_that_runs([Values("digits", "cifar10")] string data)
    {
        var runnable = MethodRegistry
            .Names.Where(n => n != "bad-teacher") // not of the paper
            .SelectMany(_ => Enum.GetValues<MethodReading>(), (name, reading) => new MethodSettings { Name = name, Reading = reading })
            .Where(Runs)
            .Select(m => m.Label);
        Assert.That(MethodPresets.Of(data).Select(m => m.Label), Is.EquivalentTo(runnable));

        static bool Runs(MethodSettings m)
        {
            try
            {
                MethodRegistry.Create(m);
                return true;
            }
            catch (UserError)
            {
                return false;
            }
        }
    }

    [Test]
    public void An_experiment_takes_a_preset_s_numbers_and_changes_what_it_says_itself()
    {
        var m = Bound("{ preset: cifar10, name: SFR-on, reading: as-released, iterations: 7 }");
        Assert.That(m.Iterations, Is.EqualTo(7));
        Assert.That(m.Unlearning, Is.EqualTo(10));
        Assert.That(m.Reading, Is.EqualTo(MethodReading.AsReleased));
        Assert.That(((SfrOn)MethodRegistry.Create(m)).Balance, Is.EqualTo(new Balance(1, 10)));
    }

    [TestCase("{ preset: cifar, name: SalUn }", "no method preset 'cifar'")]
    [TestCase("{ preset: cifar10, name: bad-teacher }", "has no bad-teacher as-published; it has DiMUM as-published")]
    [TestCase("{ preset: unlearn-canvas, name: SalUn, reading: as-released }", "has no SalUn as-released;")]
    public void A_preset_that_is_not_there_is_told_with_those_that_are(string line, string told) =>
        Assert.That(() => Bound(line), Throws.TypeOf<UserError>().With.Message.Contains(told).And.Message.StartsWith("test:"));

    private static MethodSettings Bound(string line) => Presets.Bind($"unlearn: {{ methods: [{line}] }}", "test", []).Unlearn.Methods[0];
}
