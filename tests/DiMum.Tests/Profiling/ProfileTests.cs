using System.Text.Json;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Profiling;
using DiMum.Unlearning;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Profiling;

/// <summary>A profile's arithmetic is that of the layers, its parts fit into the whole, and watching changes nothing.</summary>
[NonParallelizable]
public sealed class ProfileTests
{
    private const int Batch = 4;
    private static readonly UNetConfig Config = new(10, 8, 1, 32, [1, 2], 1, [4], 0.1, 8);
    private static readonly NoiseSchedule Schedule = NoiseSchedule.Named["linear"](1000);
    private static readonly Ceilings Flat = new(1e9, 1e9, "", 1e9, 1);
    private ClassConditionalUNet model = null!;
    private NoisedBatch batch = null!;
    private StepProfile? profiled;
    private int threads;

    [OneTimeSetUp]
    public void Make()
    {
        threads = get_num_threads();
        set_num_threads(1);
        using var generator = new Seed(1).Generator();
        model = new(Config, CPU, generator);
        using var digits = Digits.Load();
        batch = new SeededBatches(Schedule, new DrawSettings(Batch), new Seed(2), CPU).Next(Pairing.Train(digits.Train), 0);
    }

    [OneTimeTearDown]
    public void Free()
    {
        set_num_threads(threads);
        batch.Dispose();
        model.Dispose();
    }

    private StepProfile Profile() =>
        profiled ??= new StepProfiler(model, Schedule, _ => Copy(batch), updates: true, averages: true).Run(1, Flat, warmUpSeconds: 0);

    // The step disposes of what it is given.
    private static NoisedBatch Copy(NoisedBatch b) =>
        new(b.Clean.clone(), new(b.Condition.Value.clone(), b.Condition.Keep?.clone()), b.Time.clone(), b.Noise.clone());

    [TestCase("conv_in", 2L * Batch * 64 * 32 * 9, 1)] // 8×8 pixels, 1 → 32 channels, 3×3; no gradient to the image
    [TestCase("temb.dense.0", 2L * Batch * 32 * 128, 1)] // nor to the time
    [TestCase("temb.dense.1", 2L * Batch * 128 * 128, 2)]
    [TestCase("down.0.block.0.conv1", 2L * Batch * 64 * 32 * 32 * 9, 2)]
    [TestCase("down.0.block.0.temb_cemb_proj", 2L * Batch * 256 * 32, 2)]
    [TestCase("down.0.block.0.norm1", 0, 2)]
    [TestCase("down.0.downsample", 2L * Batch * 16 * 32 * 32 * 9, 2)] // 4×4 pixels
    [TestCase("down.1.block.0.nin_shortcut", 2L * Batch * 16 * 32 * 64, 2)]
    [TestCase("down.1.attn.0.softmax", 2L * 2 * Batch * 16 * 16 * 64, 2)] // QKᵀ and its product with V
    [TestCase("down.1.attn.0", (4L * 2 * 16 * 64 * 64 + 4 * 16 * 16 * 64) * Batch, 2)]
    [TestCase("conv_out", 2L * Batch * 64 * 32 * 9, 2)]
    public void Arithmetic_of_a_module_is_what_its_layers_do(string name, long forward, int backward)
    {
        var module = Profile().Modules.Single(m => m.Name == name);
        Assert.That(module.ForwardFlops, Is.EqualTo(forward));
        Assert.That(module.BackwardFlops, Is.EqualTo(backward * forward));
    }

    [Test]
    public void Arithmetic_of_the_network_is_that_of_all_its_weights()
    {
        // 4×4 pixels below the first level, 8×8 elsewhere; linear layers have none.
        static double Elements(string name, long to) =>
            to
            * (
                name.Contains("emb", StringComparison.Ordinal) ? 1
                : name.StartsWith("down.1", StringComparison.Ordinal)
                || name.StartsWith("mid", StringComparison.Ordinal)
                || name.StartsWith("up.1.block", StringComparison.Ordinal)
                || name.StartsWith("up.1.attn", StringComparison.Ordinal)
                || name.StartsWith("down.0.downsample", StringComparison.Ordinal)
                    ? 16
                : 64
            );
        var weights = model.Parameters.Entries.Where(p =>
            p.Shape.Length > 1 && !p.Name.StartsWith("classes_emb", StringComparison.Ordinal)
        );
        var products = weights.Sum(p => 2.0 * Batch * p.Count / p.Shape[0] * Elements(p.Name, p.Shape[0]));
        var attentions = model.Parameters.Entries.Count(p => p.Name.EndsWith(".proj_out.weight", StringComparison.Ordinal));
        var profile = Profile();
        Assert.That(attentions, Is.EqualTo(4));
        Assert.That(profile.Outermost.Sum(m => m.ForwardFlops), Is.EqualTo(products + attentions * 4.0 * Batch * 16 * 16 * 64));
        var first = profile.Modules.Where(m => m.Name is "conv_in" or "temb.dense.0").Sum(m => m.ForwardFlops);
        Assert.That(profile.Flops, Is.EqualTo(3 * profile.Outermost.Sum(m => m.ForwardFlops) - first), "no slope of the network's input");
    }

    [Test]
    public void Times_of_the_parts_fit_into_the_whole()
    {
        var profile = Profile();
        var phase = profile.Phases.ToDictionary(p => p.Name, p => p.Seconds);
        Assert.That(profile.Phases.Sum(p => p.Seconds), Is.EqualTo(profile.Seconds).Within(1e-9));
        Assert.That(profile.Outermost.Sum(m => m.Forward), Is.InRange(0.3 * phase[StepProfiler.Forward], phase[StepProfiler.Forward]));
        Assert.That(profile.Outermost.Sum(m => m.Backward), Is.InRange(0.3 * phase[StepProfiler.Backward], phase[StepProfiler.Backward]));
        Assert.That(profile.Modules.Sum(m => m.Own), Is.EqualTo(profile.Outermost.Sum(m => m.Seconds)).Within(1e-9));
        foreach (var module in profile.Modules)
        {
            Assert.That(module.Own, Is.GreaterThanOrEqualTo(0), module.Name);
            Assert.That(module.Forward, Is.Positive, module.Name);
            Assert.That(module.Backward, Is.Positive, module.Name);
            Assert.That(module.Bytes, Is.Positive, module.Name);
        }
    }

    [Test]
    public void Every_layer_with_weights_is_a_module()
    {
        var owners = model
            .Parameters.Entries.Select(p => p.Name[..Math.Max(0, p.Name.LastIndexOf('.'))])
            .Distinct()
            .Except(["", "classes_emb"]);
        Assert.That(owners, Is.SubsetOf(Profile().Modules.Select(m => m.Name)));
    }

    [Test]
    public void Watching_changes_neither_loss_nor_gradient()
    {
        (double Loss, Tensor Gradient) Run()
        {
            using var scope = NewDisposeScope();
            model.SeedDropout(new Seed(3));
            model.Parameters.ZeroGradient();
            var loss = EpsilonLoss.Of(model, Schedule, batch);
            loss.backward();
            return (loss.item<float>(), model.Parameters.Gradient.clone().MoveToOuterDisposeScope());
        }

        using var all = NewDisposeScope();
        var plain = Run();
        model.Parameters.Probe = new ModuleProbe(new Clock(CPU));
        var watched = Run();
        model.Parameters.Probe = null;
        Assert.That(watched.Loss, Is.EqualTo(plain.Loss));
        var off = (watched.Gradient - plain.Gradient).norm() / plain.Gradient.norm();
        Assert.That(off.item<float>(), Is.LessThan(1e-6), "but for the order in which slopes of what is used twice are added");
    }

    [Test]
    public void The_trace_is_of_begin_and_end_events_that_nest()
    {
        using var json = JsonDocument.Parse(TraceFile.Of(Profile(), "title"));
        var open = new Stack<(string Name, double At)>();
        var seen = new Dictionary<string, int>();
        var last = 0.0;
        foreach (var e in json.RootElement.GetProperty("traceEvents").EnumerateArray())
        {
            var (name, kind) = (e.GetProperty("name").GetString()!, e.GetProperty("ph").GetString());
            if (kind == "M")
                continue;
            var at = e.GetProperty("ts").GetDouble();
            Assert.That(at, Is.GreaterThanOrEqualTo(last), $"{kind} of {name}: time goes back");
            last = at;
            if (kind == "B")
            {
                open.Push((name, at));
                seen[name] = seen.GetValueOrDefault(name) + 1;
                continue;
            }

            Assert.That(kind, Is.EqualTo("E"));
            Assert.That(open.Pop().Name, Is.EqualTo(name), "ends what began last");
        }

        Assert.That(open, Is.Empty);
        Assert.That(seen["down.0.block.0.conv1"], Is.EqualTo(2), "once forward, once backward");
        Assert.That(seen["mid.attn_1.softmax"], Is.EqualTo(2));
        Assert.That(seen[StepProfiler.Backward], Is.EqualTo(1));
    }

    [Test]
    public void A_native_call_is_counted_once_and_by_its_name()
    {
        if (!NativeCalls.Active)
            Assert.Ignore("native calls are counted on Linux on x86-64 only");
        using var scope = NewDisposeScope();
        var x = ones(2, 2);
        var counts = StepCounts.Of(() =>
        {
            for (var i = 0; i < 10; i++)
                x.neg().Dispose();
        });
        Assert.That(counts.CallsByName!["THSTensor_neg"], Is.EqualTo(10));
        Assert.That(counts.NativeCalls, Is.EqualTo(20), "and each result is disposed of");
        Assert.That((counts.Tensors, counts.TensorsLeft), Is.EqualTo((10, 0)));
        using var kept = StepCounts.Of(() => x.neg()) is { TensorsLeft: 1 } ? scope : null;
        Assert.That(kept, Is.Not.Null, "a tensor that stays is seen");
    }
}
