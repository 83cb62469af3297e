using DiMum.Runs;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>Methods as experiments name them: their own weights, their readings, and what they say of themselves.</summary>
public class MethodSettingsTests
{
    private static IUnlearningMethod Made(string line) =>
        MethodRegistry.Create(Bound($"unlearn: {{ methods: [{{ {line} }}] }}").Unlearn.Methods[0]);

    private static Experiment Bound(string yaml) => Presets.Bind(yaml, "test", []);

    [TestCase("name: DiMUM", "retain 1 + unlearning 1")]
    [TestCase("name: SalUn", "retain 0.001 + unlearning 1")]
    [TestCase("name: SFR-on", "retain 1 + unlearning 10")]
    [TestCase("name: EraseDiff", "retain 1 + unlearning 0.1")]
    [TestCase("name: Scissorhands", "retain 1 + unlearning 0.1")]
    [TestCase("name: ESD", "retain 0 + unlearning 1")]
    [TestCase("name: concept-ablation", "retain 0 + unlearning 1")]
    [TestCase("name: ESD, retain: 2", "retain 2 + unlearning 1")]
    [TestCase("name: SFR-on, unlearning: 0", "retain 1 + unlearning 0")]
    public void A_weight_that_is_not_given_is_the_method_s_own(string line, string balance) =>
        Assert.That(Made(line).Source, Does.EndWith(balance));

    [TestCase("name: SalUn", "as published", Loader.Shuffled)]
    [TestCase("name: SalUn, reading: as-released", "as released (Unlearn-Saliency@a6e89fd)", Loader.WholeEpochs)]
    [TestCase("name: SalUn, reading: as-released-in-unlearn-canvas", "as released (UnlearnCanvas@920cfd1)", Loader.FirstBatch)]
    [TestCase("name: ESD, reading: as-released", "as released (erasing@a2189e9)", Loader.Shuffled)]
    [TestCase("name: Scissorhands, reading: as-released-in-unlearn-canvas", "as released (UnlearnCanvas@920cfd1)", Loader.FirstBatch)]
    [TestCase("name: concept-ablation, reading: as-released", "as released (concept-ablation@c11fb1b)", Loader.Shuffled)]
    [TestCase("name: concept-ablation, reading: as-released-in-unlearn-canvas", "as released (UnlearnCanvas@920cfd1)", Loader.Shuffled)]
    public void A_reading_names_its_repository_and_its_loader(string line, string reading, Loader loader)
    {
        var method = Made(line);
        Assert.That(method.Reading, Is.EqualTo(reading));
        Assert.That(method.Loader, Is.EqualTo(loader));
    }

    [Test]
    public void The_benchmark_s_SalUn_has_no_mask_and_says_so() =>
        Assert.That(Made("name: SalUn, mask-ratio: 0.5, reading: as-released-in-unlearn-canvas").Source, Does.Contain("no mask"));

    [Test]
    public void EraseDiff_counts_the_steps_that_it_takes_back()
    {
        Assert.That(Made("name: EraseDiff, inner-passes: 3").UpdatesPerIteration, Is.EqualTo(4));
        Assert.That(Made("name: EraseDiff, inner-passes: 3, reading: as-released-in-unlearn-canvas").UpdatesPerIteration, Is.EqualTo(2));
        Assert.That(Made("name: EraseDiff, adaptive-margin: 0.1").Source, Does.Contain("adaptive with η=0.1"));
    }

    [TestCase("name: Scissorhands", 1)]
    [TestCase("name: Scissorhands, project-every: 10", 10)]
    [TestCase("name: Scissorhands, reading: as-released-in-unlearn-canvas", 0)]
    public void The_benchmark_leaves_the_projection_off(string line, int every) =>
        Assert.That(((Scissorhands)Made(line)).ProjectEvery, Is.EqualTo(every));

    [Test]
    public void Two_readings_of_a_method_are_two_stages_and_one_reading_twice_is_a_mistake()
    {
        var both = Bound(
            "unlearn: { methods: [{ name: SalUn }, { name: SalUn, reading: as-released }] }\nattack: { methods: [SalUn-as-released] }"
        );
        Assert.That(both.Unlearn.Methods.Select(m => m.Label), Is.EqualTo(new[] { "SalUn", "SalUn-as-released" }));
        var plan = Plan.Describe(both);
        Assert.That(plan, Does.Contain("unlearn-SalUn-as-released").And.Contains("attack-SalUn-as-released-i"));
        Assert.That(plan, Does.Not.Contain("attack-SalUn-i"));
        Assert.That(
            () => Bound("unlearn: { methods: [{ name: SalUn }, { name: SalUn }] }"),
            Throws.TypeOf<UserError>().With.Message.Contains("'SalUn' twice")
        );
    }
}
