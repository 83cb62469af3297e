using DiMum.Attacks;
using DiMum.Checkpoints;
using DiMum.Data.MiniCanvas;
using DiMum.Optimization;
using DiMum.Runs;
using DiMum.Tests.Data;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>A run over latents under prompts goes through the same stages, and the paper's own experiment is planned.</summary>
public class CanvasRunTests
{
    private static readonly string[] Smallest =
    [
        "data.size=16",
        "canvas.autoencoder.widths=[8, 8]",
        "canvas.autoencoder.iterations=3",
        "canvas.autoencoder.crop=8",
        "canvas.text.width=16",
        "canvas.text.layers=1",
        "canvas.text.iterations=2",
        "network.channels=16",
        "network.norm-groups=8",
        "network.attention=[8]",
        "pretrain.iterations=3",
        "classifier.widths=[8, 8]",
        "classifier.iterations=2",
        "sampling.steps=2",
        "attack.iterations=2",
        "attack.evaluate-at=[]",
        "attack.synthetic-images=56",
        "evaluate.images=16",
        "evaluate.retained-images=56",
        "evaluate.unlearn-at=[]",
        "workers=1",
    ];

    [Test]
    public void Every_stage_runs_on_a_text_conditional_latent_model_and_is_found_done_again()
    {
        using var folder = new TempFolder();
        var whole = Presets.Load("canvas-mini", Smallest);
        var experiment = whole with
        {
            Unlearn = whole.Unlearn with
            {
                Methods =
                [
                    .. whole
                        .Unlearn.Methods.Where(m => m.Name is "DiMUM" or "ESD")
                        .Select(m => m with { Iterations = 2, BatchSize = 4, DenoisingSteps = 2 }),
                ],
            },
        };
        var results = All(experiment, folder.Root);
        Assert.That(results.ClassNames, Is.EqualTo(MiniCanvasSet.Styles));
        Assert.That(results.Pretrained.ObjectAccuracy!.N, Is.EqualTo(56));
        Assert.That(results.Pretrained.ArUnlearned.N, Is.EqualTo(16));
        Assert.That(results.Methods.Select(m => m.Name), Is.EqualTo(new[] { "DiMUM", "ESD" }));
        foreach (var method in results.Methods)
        {
            Assert.That(
                method.Attacks.Select(a => a.Assumption),
                Is.EqualTo(new[] { DiMRA.Label(Assumption.RetainSet), DiMRA.Label(Assumption.Synthesised) })
            );
            foreach (var attack in method.Attacks)
                Assert.That(attack.Curve.Select(e => e.Step), Is.EqualTo(new[] { 0, 2 }));
        }

        var stages = Path.Combine(folder.Root, "stages");
        var components = Directory.GetDirectories(stages, "components-*").Single();
        Assert.That(Directory.GetFiles(Path.Combine(components, "cache")), Has.Length.EqualTo(2)); // latents and text features
        var before = Times(stages);
        var again = All(experiment, folder.Root);
        Assert.That(Json.Write(again with { TotalSeconds = 0 }), Is.EqualTo(Json.Write(results with { TotalSeconds = 0 })));
        Assert.That(Times(stages), Is.EqualTo(before));
    }

    [Test]
    public void Concept_ablation_s_program_leaves_the_first_token_alone()
    {
        using var folder = new TempFolder();
        var whole = Presets.Load("canvas-mini", Smallest);
        var settings = whole.Unlearn.Methods.Single(m => m.Name == "concept-ablation") with
        {
            Reading = MethodReading.AsReleased,
            Iterations = 2,
            BatchSize = 4,
            DenoisingSteps = 2,
        };
        using var run = new Run(whole, folder.Root, new SilentObserver(), CancellationToken.None);
        run.Compare(settings, null, Assumption.RetainSet);
        run.Compare(settings, new("attached", m => new Attached((ConceptAblation)m)), Assumption.RetainSet);
        var models = Directory
            .GetDirectories(folder["stages"], "unlearn-concept-ablation-*")
            .Select(stage => Safetensors.Read(Path.Combine(stage, "model.safetensors")).Tensors)
            .ToList();
        Assert.That(models, Has.Count.EqualTo(2));
        Assert.That(
            models[0].Where(t => !t.Value.bytes.SequenceEqual(models[1][t.Key].bytes)).Select(t => t.Key),
            Is.Not.Empty.And.All.Contains("attn2.to_")
        );
        foreach (var tensor in models.SelectMany(m => m.Values))
            tensor.Dispose();
    }

    private sealed record Attached(ConceptAblation Of) : IUnlearningMethod
    {
        public string Name => Of.Name;
        public string Reading => Of.Reading;
        public string Source => Of.Source;
        public bool Clips => Of.Clips;
        public AdamSettings Optimizer => Of.Optimizer;

        public IUpdateRule Prepare(UnlearningContext context) => Of.Prepare(context);
    }

    [TestCase("unlearn.alternative=[Cartoon, Mosaic]", "unlearn.alternative names 2 styles", "name one")]
    [TestCase("canvas.text.tokens=10", "canvas.text.tokens is 10; expected at least 1", " style.' with start and end")]
    public void What_the_latent_model_can_t_do_is_told_when_the_run_is_opened(string setting, params string[] told)
    {
        using var folder = new TempFolder();
        var experiment = Presets.Load("canvas-mini", [.. Smallest, setting]);
        Refusal.Of(() => _ = new Run(experiment, folder.Root, new SilentObserver(), CancellationToken.None), told);
        Assert.That(Directory.Exists(folder["stages"]), Is.False);
        new Run(Presets.Load("canvas-mini", Smallest), folder.Root, new SilentObserver(), CancellationToken.None).Dispose(); // unlocked
    }

    [Test]
    public void The_plan_of_the_miniature_lists_the_parts_that_are_trained_before_the_network()
    {
        var plan = Plan.Describe(Presets.Load("canvas-mini", []));
        Assert.That(plan, Does.Match(@"components +2,400 steps of the autoencoder, 200 of the text encoder"));
        Assert.That(plan, Does.Match(@"classifier-objects +500 steps").And.Match(@"synthesise +448 images"));
        Assert.That(Plan.Describe(Presets.Load("digits", [])), Does.Not.Contain("components").And.Not.Contain("synthesise"));
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(5)]
    public void The_paper_s_style_experiment_is_planned_and_asks_for_what_a_user_brings(int thousands)
    {
        var experiment = Presets.Load($"unlearncanvas-paper-{thousands}k", []);
        var plan = Plan.Describe(experiment);
        Assert.That(plan, Does.Contain("859,520,964 parameters"));
        Assert.That(plan, Does.Contain("20,400 pictures of 512×512").And.Contain("compvis.ckpt").And.Contain("style50_cls.pth"));
        Assert.That(plan, Does.Contain("13.8 GB")); // 16 bytes a weight
        Assert.That(plan, Does.Contain("31.8 GB").And.Contain("15.7 GB")); // 40,400 and 20,000 pictures
        Assert.That(plan, Does.Contain("20,000 pictures × 100 steps"));
        Assert.That(plan, Does.Contain("brought, nothing is trained").And.Contain($"{6000 * thousands + 60_000:n0} training iterations"));
        Assert.That(plan, Does.Contain("not set").And.Contain("never run by us"));
        Assert.That(experiment.Unlearn.Methods.Select(m => m.Iterations), Is.All.EqualTo(1000 * thousands));
        Assert.That(experiment.Unlearn.Methods, Has.Count.EqualTo(6));
        using var folder = new TempFolder();
        Refusal.Of(
            () => _ = new Run(experiment, folder.Root, new SilentObserver(), CancellationToken.None),
            "canvas.model is not set",
            "--dry-run"
        );
    }

    private static RunResults All(Experiment experiment, string folder)
    {
        using var run = new Run(experiment, folder, new SilentObserver(), CancellationToken.None);
        return run.All();
    }

    private static Dictionary<string, DateTime> Times(string folder) =>
        Directory.GetFiles(folder, "*.safetensors", SearchOption.AllDirectories).ToDictionary(f => f, File.GetLastWriteTimeUtc);
}
