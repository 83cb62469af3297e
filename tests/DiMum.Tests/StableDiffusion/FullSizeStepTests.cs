using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Optimization;
using DiMum.StableDiffusion;
using DiMum.Unlearning;
using DiMum.Verification;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.StableDiffusion;

/// <summary>One optimiser step of DiMUM on the whole Stable Diffusion v1.5 U-Net: that it fits, and how long it takes.</summary>
public class FullSizeStepTests
{
    private const double Gibi = 1L << 30;

    [Test, Explicit("needs 18 GiB of memory and minutes; prints peak memory and time")]
    public void A_step_of_DiMUM_on_859_million_weights_stays_below_18_GiB()
    {
        var side = int.Parse(Environment.GetEnvironmentVariable("DIMUM_LATENT") ?? "8", CultureInfo.InvariantCulture);
        var config = new UNet2DConditionConfig();
        using var outer = NewDisposeScope();
        var unet = new UNet2DConditionModel(config, CPU, null)
        {
            Recomputes = Environment.GetEnvironmentVariable("DIMUM_RECOMPUTE") == "1",
        };
        ProceduralRule.Fill(unet.Parameters, 1.5, p => CompVisNames.UNet(p.Name, config));
        using var text = new ClipTextEncoder(new ClipTextConfig(Layers: 1, HiddenWidth: 768), CPU, new Seed(1).Generator(), frozen: true);
        using var prompts = PromptTable.Encode(ClipTokenizer.StableDiffusion(), text, TextWorld.Texts);
        using var model = new TextConditionedDenoiser(unet, prompts);
        using var generator = new Seed(2).Generator();
        var moments = randn([6, 8, side, side], generator: generator);
        using var data = new Dataset("latents", moments, arange(6, ScalarType.Int64), TextWorld.Texts);
        var schedule = NoiseSchedule.ScaledLinear();
        using var alternative = new ConditionMap(TextWorld.Replacement, TextWorld.Texts.Length, CPU);
        var context = new UnlearningContext(
            model,
            schedule,
            new SeededBatches(schedule, new DrawSettings(1), new Seed(3), CPU, new LatentCode(0.18215)),
            Pairing.Forget(data, TextWorld.Unlearned),
            Pairing.Retain(data, TextWorld.Unlearned),
            Pairing.Memorization(data, TextWorld.Replacement.ToDictionary(r => r.Value, r => r.Key)),
            alternative.Of,
            1,
            ClipNorm: 1
        );
        var first = unet.Parameters["conv_in.weight"].Value.flatten()[0].item<float>();
        using var rule = new DiMum.Unlearning.Methods.DiMum(new(1, 1)).Prepare(context);
        using var trainer = new Trainer(model, rule, new TrainerSettings(1, new LearningRate(1e-5)), new Seed(4));
        var standing = Resident();
        var clock = Stopwatch.StartNew();
        var progress = trainer.Step();
        var seconds = clock.Elapsed.TotalSeconds;
        TestContext.Out.WriteLine(
            FormattableString.Invariant(
                $"latents {side}×{side}, batch 1 + 1, recomputes {unet.Recomputes}: loss {progress.Loss:g6}, {seconds:f1} s, standing {standing / Gibi:f2} GiB, peak {Process.GetCurrentProcess().PeakWorkingSet64 / Gibi:f2} GiB"
            )
        );
        Assert.That(double.IsFinite(progress.Loss));
        Assert.That(unet.Parameters["conv_in.weight"].Value.flatten()[0].item<float>(), Is.Not.EqualTo(first));
        Assert.That(Process.GetCurrentProcess().PeakWorkingSet64, Is.LessThan(18 * Gibi));
    }

    /// <summary>What the estimate for 512×512 pixels rests on, by side of the latents: bytes that a forward pass leaves for the backward pass, and the peak of both.</summary>
    [Test, Explicit("needs 16 GiB of memory and minutes; prints what a forward and a backward pass take")]
    [Platform("Linux")]
    public void What_a_pass_takes_by_size([Values] bool recomputes)
    {
        using var unet = new UNet2DConditionModel(new(), CPU, null) { Recomputes = recomputes };
        var keptBySide = new List<long>();
        unet.Predict(randn(1, 4, 8, 8), full(1, 500, ScalarType.Int64), new Condition(randn(1, 77, 768))).Dispose(); // what is made once
        foreach (var side in new[] { 8, 16, 32, 64 })
        {
            using var scope = NewDisposeScope();
            var (x, t) = (randn(1, 4, side, side), full(1, 500, ScalarType.Int64));
            var condition = new Condition(randn(1, 77, 768));
            var before = Allocated();
            var standing = Resident();
            var clock = Stopwatch.StartNew();
            var prediction = unet.Predict(x, t, condition);
            var kept = Allocated() - before;
            prediction.square().mean().backward();
            TestContext.Out.WriteLine(
                FormattableString.Invariant(
                    $"latents {side}×{side}, batch 1, recomputes {recomputes}: {kept / Gibi:f3} GiB kept, peak {(Process.GetCurrentProcess().PeakWorkingSet64 - standing) / Gibi:f2} GiB above what stands, {clock.Elapsed.TotalSeconds:f1} s"
                )
            );
            keptBySide.Add(kept);
        }

        Assert.That(keptBySide, Is.Ordered.Ascending, "what is kept grows with the image");
        Assert.That(keptBySide[^1] / (double)keptBySide[^2], Is.LessThan(5), "with its area, not with its square");
    }

    // What malloc has given out, whatever the heap holds besides.
    private static long Allocated()
    {
        var info = mallinfo2();
        return (long)(info.InUse + info.Mapped);
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct MallocInfo
    {
        public readonly nuint Arena,
            Free,
            FastBlocks,
            MappedBlocks,
            Mapped,
            Most,
            FastFree,
            InUse,
            Idle,
            Releasable;
    }

    [DllImport("libc.so.6")]
    private static extern MallocInfo mallinfo2();

    private static long Resident()
    {
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
