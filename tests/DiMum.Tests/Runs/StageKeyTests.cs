using DiMum.Attacks;
using DiMum.Runs;
using DiMum.Runs.Stages;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>Finished stages are found again by later builds, and those that drew other numbers are not.</summary>
[NonParallelizable]
public class StageKeyTests
{
    private const string WithoutDropout = "5adaedb63b6f";
    private const string DropoutOfAGenerator = "d85869a4ddd5"; // of builds whose dropout drew from a generator

    [Test]
    public void Keys_without_dropout_are_those_of_earlier_builds() => Assert.That(Pretrain("0"), Is.EqualTo(WithoutDropout));

    [Test]
    public void Dropout_by_index_has_keys_of_its_own() =>
        Assert.That(Pretrain("0.1"), Is.Not.EqualTo(DropoutOfAGenerator).And.Not.EqualTo(WithoutDropout));

    // Finished stages of published studies lie under these keys.
    [TestCase(
        "digits",
        "classifier-fe67e0442e66",
        "classifier-objects-ad5142a58bdf",
        "components-094b4230090c",
        "pretrain-5adaedb63b6f",
        "evaluate-pretrained-dffeccd106b4",
        "unlearn-DiMUM-a7fd0d511c91",
        "attack-DiMUM-i-a6451d4994b9",
        "attack-DiMUM-ii-a-605ed5d64d39",
        "attack-DiMUM-ii-b-a9e2160be8ea",
        "synthesise-48010be2621b"
    )]
    [TestCase(
        "canvas-mini",
        "classifier-d2ee804930c3",
        "classifier-objects-85ee25b3a402",
        "components-d38edd647a8c",
        "pretrain-0b197a81ece6",
        "evaluate-pretrained-823871080a99",
        "unlearn-DiMUM-4ebedf8b0fa1",
        "attack-DiMUM-i-2c0bf0e1f2b5",
        "attack-DiMUM-ii-a-382182aeca3a",
        "attack-DiMUM-ii-b-036e26942873",
        "synthesise-c60de19101aa"
    )]
    public void A_run_s_own_stages_are_found_under_the_keys_of_earlier_builds(string preset, params string[] stages) =>
        Assert.That(Of(preset, [], Own), Is.EqualTo(stages));

    [TestCase("digits", "seed=2")]
    [TestCase("digits", "threads=2")]
    [TestCase("digits", "precision=bf16")]
    [TestCase("digits", "network.norm-groups=16")] // the weights are of the same shapes
    [TestCase("digits", "diffusion.schedule=cosine")]
    [TestCase("digits", "diffusion.steps=500")]
    [TestCase("digits", "sampling.steps=5")]
    [TestCase("digits", "sampling.guidance-weight=3")]
    [TestCase("digits", "unlearn.class=1")]
    [TestCase("digits", "unlearn.alternative=5")]
    [TestCase("digits", "classifier.iterations=7")]
    [TestCase("digits", "evaluate.images=7")]
    [TestCase("canvas-mini", "canvas.heads=8")]
    [TestCase("canvas-mini", "canvas.wording=released")]
    [TestCase("canvas-mini", "canvas.autoencoder.iterations=7")]
    [TestCase("canvas-mini", "canvas.text.rate=0.1")]
    public void What_decides_a_checkpoint_s_number_moves_its_evaluation_and_its_attack(string preset, string setting)
    {
        var moved = Keys(preset, setting);
        Assert.That(moved.Evaluate, Is.Not.EqualTo(Usual(preset).Evaluate));
        Assert.That(moved.Attack, Is.Not.EqualTo(Usual(preset).Attack));
    }

    [TestCase("diffusion.times=uniform")]
    [TestCase("diffusion.drop-probability=0.2")]
    [TestCase("data.flip=true")]
    [TestCase("network.dropout=0.1")]
    [TestCase("attack.rate=0.1")]
    [TestCase("attack.batch-size=7")]
    [TestCase("attack.iterations=7")]
    [TestCase("attack.evaluate-at=[7]")]
    public void What_decides_how_a_checkpoint_is_attacked_moves_its_attack(string setting) =>
        Assert.That(Keys("digits", setting).Attack, Is.Not.EqualTo(Usual("digits").Attack));

    [TestCase("name=other")]
    [TestCase("workers=2")]
    [TestCase("pretrain.iterations=7")]
    [TestCase("unlearn.methods.DiMUM.rate=0.1")]
    [TestCase("attack.checkpoint-every=7")]
    public void What_a_checkpoint_s_number_does_not_rest_on_leaves_its_stages_alone(string setting) =>
        Assert.That(Keys("digits", setting), Is.EqualTo(Usual("digits")));

    private static readonly Dictionary<string, (string Evaluate, string Attack)> Known = [];

    private static (string Evaluate, string Attack) Usual(string preset) =>
        Known.TryGetValue(preset, out var keys) ? keys : Known[preset] = Keys(preset);

    // Of one file of weights.
    private static (string Evaluate, string Attack) Keys(string preset, params string[] settings) =>
        Of(
            preset,
            settings,
            keys =>
            {
                var model = keys.Checkpoint("weights");
                return (keys.Evaluate("mine", model).Key, keys.Attack("mine", model, Assumption.RetainSet).Key);
            }
        );

    private static string[] Own(StageKeys keys)
    {
        var unlearn = keys.Unlearn(new MethodSettings { Name = "DiMUM" });
        StageFolder[] stages =
        [
            keys.Classifier(),
            keys.ObjectClassifier(),
            keys.Components(),
            keys.Pretrain(),
            keys.EvaluatePretrained(),
            unlearn,
            .. Enum.GetValues<Assumption>().Select(a => keys.Attack("DiMUM", unlearn.Key, a)),
            keys.Synthesise(),
        ];
        return [.. stages.Select(s => $"{s.Name}-{s.Key}")];
    }

    private static string Pretrain(string dropout) => Of("digits", [$"network.dropout={dropout}"], keys => keys.Pretrain().Key);

    private static T Of<T>(string preset, string[] settings, Func<StageKeys, T> read)
    {
        var threads = TorchSharp.torch.get_num_threads();
        using var bench = new Workbench(Presets.Load(preset, ["seed=1", .. settings]));
        TorchSharp.torch.set_num_threads(threads); // the bench has set the preset's
        return read(new StageKeys(bench, "run"));
    }
}
