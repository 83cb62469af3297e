using System.Runtime.CompilerServices;
using DiMum.Attacks;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Profiling;
using DiMum.Runs;
using DiMum.Unlearning;
using static TorchSharp.torch;

namespace DiMum.Tests.Budget;

/// <summary>
/// The steps whose costs are kept: on built-in digits and a small network that has all of the big one's parts (two levels, attention, shortcuts, dropout),
/// batch 8.
/// </summary>
internal sealed class BudgetWorld : IDisposable
{
    private const int Batch = 8;
    private const int Samples = 4;
    private const int Images = 100; // few, so that masks and weights over all of them are soon made
    private const int WarmUp = 3;
    private const string Method = "method: ";
    private const string Pretraining = "pre-training step";
    private const string Attack = "DiMRA step";
    private const string Ddim = "4 steps of DDIM with guidance";
    private const string Ddpm = "4 steps of DDPM with guidance";
    private const string Bf16 = ", bf16";
    private const string Kernel = ", norms by kernel"; // as from 16×16 pixels on
    private static readonly HashSet<int> Unlearned = [0];
    private static readonly NoiseSchedule Schedule = NoiseSchedule.Named["linear"](1000);
    private readonly Dataset train;
    private readonly ClassConditionalUNet model;
    private readonly SeededBatches batches;

    private BudgetWorld()
    {
        using var digits = Digits.Load();
        train = digits.Train.Take("digits/some", [.. Enumerable.Range(0, Images).Select(i => (long)i)]);
        using var generator = new Seed(1).Generator();
        model = new(new(10, 8, 1, 32, [1, 2], 1, [4], 0.1, 8), CPU, generator);
        batches = new(Schedule, new DrawSettings(Batch, TimestepDraw.Antithetic, 0.1, true), new Seed(2), CPU);
    }

    /// <summary>Names of all steps.</summary>
    public static IEnumerable<string> Steps =>
        [
            Pretraining,
            Pretraining + Bf16,
            Pretraining + Kernel,
            Attack,
            Attack + Bf16,
            .. MethodRegistry.Names.Select(name => Method + name),
            Ddim,
            Ddim + Bf16,
            Ddpm,
        ];

    /// <summary>What one of the steps costs, after some that are not counted.</summary>
    public static StepCounts Count(string step)
    {
        using var world = new BudgetWorld();
        Norm.Least = step.EndsWith(Kernel, StringComparison.Ordinal) ? 0 : Norm.KernelFrom;
        world.model.Precision = step.EndsWith(Bf16, StringComparison.Ordinal) ? Precision.Bf16 : Precision.Fp32;
        var name = step.Replace(Bf16, "", StringComparison.Ordinal).Replace(Kernel, "", StringComparison.Ordinal);
        return name switch
        {
            Pretraining => world.Trained(DiMRA.Rule(world.model, Schedule, world.batches, Pairing.Train(world.train), 1), ema: 0.999),
            Attack => world.Trained(DiMRA.Rule(world.model, Schedule, world.batches, Pairing.Retain(world.train, Unlearned), 1)),
            Ddim => world.Sampled(new Ddim { Steps = 4 }),
            Ddpm => world.Sampled(new Ancestral { Steps = 4 }),
            _ => world.Trained(MethodRegistry.Create(new() { Name = name[Method.Length..], DenoisingSteps = 4 }).Prepare(world.Context())),
        };
    }

    public void Dispose()
    {
        Norm.Least = Norm.KernelFrom;
        model.Dispose();
        train.Dispose();
    }

    private StepCounts Trained(IUpdateRule made, double? ema = null)
    {
        using var rule = made;
        using var trainer = new Trainer(model, rule, new(int.MaxValue, new LearningRate(1e-6), ema), new Seed(3));
        return Counted(() => trainer.Step());
    }

    private StepCounts Sampled(Sampler sampler)
    {
        var generation = new Generation(Schedule, sampler, Guidance.ByWeight(1), Samples);
        return Counted(() => generation.Images(model, [0, 1, 2, 3], (1, 8, 8), new Seed(4)).Dispose());
    }

    private static StepCounts Counted(Action step)
    {
        for (var i = 0; i < WarmUp; i++)
            step();
        return StepCounts.Of(step);
    }

    private UnlearningContext Context() =>
        new(
            model,
            Schedule,
            batches,
            Pairing.Forget(train, Unlearned),
            Pairing.Retain(train, Unlearned),
            Pairing.Memorization(train, Unlearned, new HashSet<int> { 1 }),
            (condition, _) => new Condition(full_like(condition.Value, 1)),
            1000,
            1
        );
}

/// <summary>Native calls of this process are counted from its first on.</summary>
internal static class CountedFromTheStart
{
#pragma warning disable CA2255 // it must come before any test's first use of libtorch
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Install() => NativeCalls.Install();
}
