using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Metrics;
using DiMum.Runs;
using DiMum.Studies;
using DiMum.Studies.Mixture;
using DiMum.Tests.Data;
using DiMum.Tests.Runs;
using NUnit.Framework;
using static TorchSharp.torch;

namespace DiMum.Tests.Studies;

/// <summary>Convergence against the closed form (IV-B of the paper), small, and the whole experiment on points.</summary>
[NonParallelizable]
public class MixtureTests
{
    private static readonly NoiseSchedule Schedule = NoiseSchedule.Linear();

    private static Experiment Small(params string[] settings) =>
        Presets.Load(
            "mixture",
            [
                "seed=11",
                "pretrain.iterations=300",
                "pretrain.batch-size=64",
                "network.channels=32",
                "network.res-blocks=2",
                "evaluate.images=100",
                "evaluate.retained-images=100",
                "sampling.steps=10",
                .. settings,
            ]
        );

    /// <summary>
    /// One seed, 300 and 100 iterations. A fresh network's loss lies near E‖ε‖² = 2, the floor under a class is 0.066, under ∅ 0.27; bounds leave half or more to what
    /// came out.
    /// </summary>
    [Test]
    public void Training_and_DiMUM_fall_towards_their_floors_and_ascent_climbs()
    {
        var cell = Convergence.Run(Small(), 100, new SilentObserver(), default);
        double Then(string rule, Index at, Func<Distances, double[]> of) => Probe.OverTime(of(cell.Of(rule).Seen[at].Distances));
        Assert.That(cell.Courses.Select(c => c.Failure), Has.All.Null);

        var floor = Probe.OverTime(cell.Floor);
        Assert.That(Then(Convergence.Training, 0, d => d.Retain), Is.GreaterThan(10 * floor), "a fresh network is far off");
        Assert.That(Then(Convergence.Training, ^1, d => d.Retain), Is.LessThan(1.5 * floor));
        Assert.That(Then(Convergence.Training, ^1, d => d.Null), Is.LessThan(Probe.OverTime(cell.NullFloor)));

        double Ratio(string rule, Func<Distances, double[]> of) => Then(rule, ^1, of) / Then(rule, 0, of);
        Assert.That(Ratio(Convergence.Memorizing, d => d.Memorize), Is.LessThan(0.5));
        Assert.That(Ratio(Convergence.Ascent, d => d.Forget), Is.GreaterThan(3));
        Assert.That(Ratio(Convergence.Relabelled, d => d.Relabel), Is.LessThan(0.5));
    }

    [Test]
    public void The_best_denoiser_s_loss_is_the_floor()
    {
        const int n = 40_000;
        var law = GaussianMixture.Circle(3, 0.5, 0.3);
        var optimum = new MixtureOptimum(law, Schedule);
        using var scope = NewDisposeScope();
        using var generator = new Seed(5).Generator();
        var labels = Enumerable.Range(0, n).Select(i => (long)(i % 3)).ToArray();
        var clean = law.Points(labels, generator);
        foreach (var t in new[] { 0, 100, 500, 999 })
        {
            var time = full(n, t, ScalarType.Int64);
            var noise = randn(clean.shape, generator: generator);
            var noised = ForwardProcess.Noised(Schedule, clean, time, noise);
            foreach (var keep in new Tensor?[] { null, zeros(n, ScalarType.Bool) })
            {
                var condition = new Condition(tensor(labels), keep);
                var losses = (noise - optimum.Predict(noised, time, condition)).square().flatten(1).sum(1).to(ScalarType.Float64);
                var expected = keep is null ? optimum.Floor(t) : optimum.FloorAt(noised, time).mean().item<double>();
                var error = losses.std().item<double>() / Math.Sqrt(n);
                Assert.That(losses.mean().item<double>(), Is.EqualTo(expected).Within(5 * error + 1e-5), $"t = {t}, ∅: {keep is not null}"); // 5 standard errors
            }
        }
    }

    [Test]
    public void Bayes_rule_takes_points_for_their_component_and_far_ones_for_none()
    {
        var law = GaussianMixture.BuiltIn;
        using var rule = new BayesClassifier(law);
        using var scope = NewDisposeScope();
        double[] far = [law.Means[2][0] + 4.01 * law.Deviation, law.Means[2][1]];
        double[] near = [law.Means[2][0] + 3.99 * law.Deviation, law.Means[2][1]];
        double[][] points = [.. law.Means, near, far, [0, 0]];
        var x = tensor(points.SelectMany(p => p).ToArray(), [points.Length, 2, 1, 1], ScalarType.Float32);
        Assert.That(ClassifierTraining.Predict(rule, x), Is.EqualTo(new long[] { 0, 1, 2, 3, 4, 5, 2, 6, 6 }));
        using var data = GaussianMixture.Load();
        Assert.That(ClassifierTraining.Accuracy(rule, data.Test, "rule").Value, Is.EqualTo(1 - Math.Exp(-8)).Within(0.002)); // e⁻⁸: beyond 4σ in the plane
    }

    [Test]
    public void The_data_are_the_law_s_and_always_the_same()
    {
        using var data = DatasetSource.Load("mixture", null, null);
        using var again = DatasetSource.Load("mixture", null, null);
        Assert.That(ContentHash.Of(data.Train), Is.EqualTo(ContentHash.Of(again.Train)).And.Not.EqualTo(ContentHash.Of(data.Test)));
        Assert.That(data.Train.IsPoints);
        var law = GaussianMixture.BuiltIn;
        using var ones = data.Train.Where("one", label => label == 1);
        Assert.That(ones.Count, Is.EqualTo(2000));
        using var scope = NewDisposeScope();
        var points = ones.Images.to(ScalarType.Float64).flatten(1);
        for (var i = 0; i < 2; i++)
        {
            Assert.That(points.select(1, i).mean().item<double>(), Is.EqualTo(law.Means[1][i]).Within(5 * law.Deviation / Math.Sqrt(2000)));
            Assert.That(points.select(1, i).std().item<double>(), Is.EqualTo(law.Deviation).Within(5 * law.Deviation / Math.Sqrt(4000)));
        }

        Refusal.Of(() => DatasetSource.Load("mixture", null, 8), "mixture", "data.size");
    }

    [Test]
    public void Points_are_drawn_where_they_lie_and_on_the_edge_where_they_are_beyond()
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        var points = tensor(new[] { 0f, 0f, 0.6f, 0.6f, 50f, 0f }, [3, 2, 1, 1]);
        PointPlot.Write(points, [0, 1, 2], null, folder["points.png"]);
        using var image = ImageWriter.Read(folder["points.png"]); // [3,360,360]
        bool Drawn(int x, int y) => image[1, y, x].item<byte>() < 250;
        Assert.That(Drawn(180, 180), "the middle");
        Assert.That(Drawn(269, 90), "up and right");
        Assert.That(Drawn(357, 180), "the right edge");
        Assert.That(Drawn(269, 270), Is.False, "y points up");
    }

    [Test]
    public void A_run_on_points_that_was_stopped_ends_bit_equal()
    {
        using var folder = new TempFolder();
        var experiment = Small(
            "pretrain.iterations=40",
            "pretrain.checkpoint-every=10",
            "attack.iterations=8",
            "attack.evaluate-at=[4]",
            "attack.synthetic-images=50"
        )
            is var e
            ? e with
            {
                Unlearn = e.Unlearn with { Methods = [.. e.Unlearn.Methods.Select(m => m with { Iterations = 8, BatchSize = 32 })] },
                Attack = e.Attack with
                {
                    Methods = ["DiMUM"],
                    Assumptions = [Attacks.Assumption.TestSplit, Attacks.Assumption.Synthesised],
                },
            }
            : null!;
        using (var whole = new Run(experiment, folder["whole"], new SilentObserver(), default))
            Assert.That(whole.All().Methods, Has.Count.EqualTo(experiment.Unlearn.Methods.Count));
        using (var stop = new CancellationTokenSource())
        using (var broken = new Run(experiment, folder["broken"], new WatchingObserver("pretrain", 25, stop), stop.Token))
            Assert.That(() => broken.All(), Throws.InstanceOf<OperationCanceledException>());
        using (var resumed = new Run(experiment, folder["broken"], new SilentObserver(), default))
            resumed.All();
        var models = Directory.GetFiles(folder["whole"], "model.safetensors", SearchOption.AllDirectories);
        Assert.That(models, Has.Length.EqualTo(1 + experiment.Unlearn.Methods.Count + 2));
        foreach (var model in models)
            Assert.That(
                File.ReadAllBytes(Path.Combine(folder["broken"], Path.GetRelativePath(folder["whole"], model))),
                Is.EqualTo(File.ReadAllBytes(model)),
                Path.GetFileName(Path.GetDirectoryName(model))
            );
    }

    /// <summary>V18 on a seed of its own: it comes before, goes, and every number stands in the page.</summary>
    [Test]
    [Category("Nightly")]
    public void The_component_is_there_before_and_gone_after()
    {
        using var folder = new TempFolder();
        var experiment = Presets.Load("mixture", ["seed=11"]);
        using var run = new Run(experiment, folder.Root, new SilentObserver(), default);
        Assert.That(run.Pretrain().ArUnlearned.Low, Is.GreaterThanOrEqualTo(0.9));
        foreach (var method in experiment.Unlearn.Methods.Where(m => m.Name is "DiMUM" or "SalUn" or "SFR-on"))
            Assert.That(run.Unlearn(method).Final.ArUnlearned.Value, Is.LessThanOrEqualTo(0.1), method.Label);
    }
}
