using System.Diagnostics;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Unlearning;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Studies;

/// <summary>What a process holds.</summary>
/// <param name="Tensors">Tensors made on this thread and not disposed.</param>
/// <param name="Managed">Bytes of the managed heap after a full collection.</param>
/// <param name="Resident">Bytes of physical memory.</param>
internal readonly record struct Holdings(long Tensors, long Managed, long Resident);

/// <summary>Whole training steps of a small U-Net on the digits for as long as one likes, and what the process holds between them.</summary>
internal sealed class Endurance : IDisposable
{
    private readonly Dataset digits = Digits.Load().Train;
    private readonly ClassConditionalUNet model;
    private readonly IUpdateRule rule;
    private readonly Trainer trainer;

    public Endurance(Precision precision)
    {
        NativeHeap.Keep();
        using var generator = new Seed(1).Generator();
        model = new(new(10, 8, 1, 16, [1, 1], 1, [4], 0.1, 8), CPU, generator) { Precision = precision };
        var schedule = NoiseSchedule.Named["linear"](1000);
        var batches = new SeededBatches(schedule, new DrawSettings(16, TimestepDraw.Antithetic, 0.1, false), new(2), CPU);
        rule = Attacks.DiMRA.Rule(model, schedule, batches, Pairing.Train(digits), 1);
        trainer = new(model, rule, new(int.MaxValue, new LearningRate(1e-4), 0.999), new(3));
    }

    public void Run(int steps)
    {
        for (var i = 0; i < steps; i++)
            trainer.Step();
    }

    public Holdings Measure()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var process = Process.GetCurrentProcess();
        return new(DisposeScopeManager.Statistics.ThreadTotalLiveCount, GC.GetTotalMemory(true), process.WorkingSet64);
    }

    public void Dispose()
    {
        trainer.Dispose();
        rule.Dispose();
        model.Dispose();
        digits.Dispose();
    }
}
