using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Metrics;
using DiMum.Runs;
using DiMum.Runs.Subjects;
using DiMum.Tests.Data;
using DiMum.Unlearning;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Runs;

/// <summary>canvas.top-k: a style counts as recognised among the classifier's k best guesses, the unlearned one and the alternative alike.</summary>
[NonParallelizable]
public class TopGuessesTests
{
    [TestCase(1, 0.25, 0.25)]
    [TestCase(3, 0.5, 0.75)]
    public void A_hit_is_a_style_among_the_k_best(int k, double unlearned, double alternative)
    {
        using var scope = NewDisposeScope();
        using var folder = new TempFolder();
        var threads = get_num_threads();
        using var bench = new Workbench(
            Presets.Load("canvas-mini", ["data.size=8", $"canvas.top-k={k}", "evaluate.images=16", "sampling.steps=2"])
        );
        set_num_threads(threads); // the bench has set the preset's
        var places = new Places(bench.Classes.Unlearned, bench.Classes.Alternative[0], bench.Classes.Names.Count);
        using var subject = new Pictures(bench);
        var evaluator = new Evaluator(bench, subject, new(places, "made up", null), default);
        var measured = evaluator.Evaluate(new Still(), new StageFolder(folder.Root, "stage", "key"), 0, full: false);
        Assert.That(measured.ArUnlearned.Value, Is.EqualTo(unlearned));
        Assert.That(measured.ArAlternative.Value, Is.EqualTo(alternative));
        Assert.That(measured.ArUnlearned.Metric.Contains($"top-{k}", StringComparison.Ordinal), Is.EqualTo(k > 1));
    }

    // Every image's places of the unlearned style and the alternative among the guesses, best first.
    private sealed class Places(int unlearned, int alternative, int styles) : IImageClassifier
    {
        private static readonly (int Unlearned, int Alternative)[] Cycle = [(0, 1), (1, 3), (3, 1), (7, 0)];

        public int FeatureCount => 1;

        public (Tensor Features, Tensor Logits) Forward(Tensor x)
        {
            var rows = Enumerable.Range(0, (int)x.shape[0]).SelectMany(i => Row(Cycle[i % Cycle.Length])).ToArray();
            return (zeros(x.shape[0], 1), tensor(rows, [x.shape[0], styles]));
        }

        private float[] Row((int Unlearned, int Alternative) place)
        {
            var free = new Queue<int>(Enumerable.Range(0, styles).Where(p => p != place.Unlearned && p != place.Alternative));
            return
            [
                .. Enumerable
                    .Range(0, styles)
                    .Select(s =>
                        -(float)(
                            s == unlearned ? place.Unlearned
                            : s == alternative ? place.Alternative
                            : free.Dequeue()
                        )
                    ),
            ];
        }

        public void Dispose() { }
    }

    // Images as they are.
    private sealed class Pictures(Workbench bench) : ISubject
    {
        public Dataset Pairs => bench.ConditionedTrain;
        public IImageCode Code => PixelCode.Instance;
        public (int C, int H, int W) Shape => (3, 8, 8);
        public Func<Tensor, Tensor>? Decode => null;
        public IReadOnlySet<int> Unlearned => bench.Classes.UnlearnedSet;

        public Tensor Saved(Tensor clean) => clean;

        public Nets.ITrainableDenoiser NewNetwork(string purpose) => throw new NotSupportedException();

        public void Read(string path, Nets.ITrainableDenoiser network) => throw new NotSupportedException();

        public int Condition(int measuredClass, int n) => measuredClass;

        public Dataset Encoded(Dataset images) => throw new NotSupportedException();

        public Pairing Memorization() => throw new NotSupportedException();

        public Condition Alternative(Condition condition, int step) => throw new NotSupportedException();

        public void Dispose() { }
    }

    private sealed class Still : IDenoiser
    {
        public Device Device => CPU;
        public bool Training { get; set; }

        public Tensor Predict(Tensor x, Tensor t, Condition condition) => zeros_like(x);
    }
}
