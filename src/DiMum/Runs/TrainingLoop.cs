using System.Diagnostics;
using System.Globalization;
using DiMum.Checkpoints;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.StableDiffusion;
using DiMum.Unlearning;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>What one training stage is made of.</summary>
internal sealed record TrainingPlan(
    StageFolder Stage,
    ITrainableDenoiser Model,
    IUpdateRule Rule,
    TrainerSettings Settings,
    Seed Seed,
    int CheckpointEvery,
    IReadOnlySet<int> EvaluateAt,
    Func<int, Evaluation>? Evaluate
);

/// <summary>What it gave.</summary>
internal sealed record TrainingOutcome(IReadOnlyList<Evaluation> Curve, long Updates, double Seconds);

/// <summary>
/// Runs the trainer with checkpoints, loss log and evaluations on the way. Killed at any moment, the same call goes on from the last checkpoint
/// and ends at the same bits; logs are cut back to the checkpoint first.
/// </summary>
internal sealed class TrainingLoop(IRunObserver observer, CancellationToken cancel)
{
    private sealed record LossLine(int Iteration, long Updates, double Loss);

    public TrainingOutcome Run(TrainingPlan plan)
    {
        var stage = plan.Stage;
        var total = plan.Settings.Iterations;
        Directory.CreateDirectory(stage.Path);
        using var trainer = new Trainer(plan.Model, plan.Rule, plan.Settings, plan.Seed);
        var seconds = Restore(stage, plan, trainer);
        var curve = CutBack<Evaluation>(stage.Curve, e => e.Step <= trainer.Iteration);
        CutBack<LossLine>(stage.Metrics, l => l.Iteration <= trainer.Iteration);
        using var board = new Board(stage);
        var pending = new List<LossLine>();
        var logEvery = Math.Max(1, total / 400);
        var clock = Stopwatch.StartNew();
        observer.Begin(stage.Name, trainer.Iteration, total);
        while (!trainer.Finished)
        {
            var progress = trainer.Step();
            if (progress.Iteration % logEvery == 0 || progress.Iteration == total)
            {
                pending.Add(new(progress.Iteration, progress.Updates, progress.Loss));
                board.Scalar("loss", progress.Loss, progress.Iteration);
            }

            observer.Advance(stage.Name, progress.Iteration, progress.Loss);
            var evaluates = plan.Evaluate is not null && plan.EvaluateAt.Contains(progress.Iteration);
            if (evaluates)
            {
                clock.Stop();
                curve.Add(plan.Evaluate!(progress.Iteration));
                board.Scalar("accuracy rate of the unlearned class", curve[^1].ArUnlearned.Value, progress.Iteration);
                AppendLines(stage.Curve, [curve[^1]]);
                clock.Start();
            }

            if (evaluates || progress.Iteration % plan.CheckpointEvery == 0 || trainer.Finished || cancel.IsCancellationRequested)
            {
                AppendLines(stage.Metrics, pending);
                pending.Clear();
                Save(stage, plan, trainer, seconds + clock.Elapsed.TotalSeconds);
            }

            cancel.ThrowIfCancellationRequested();
        }

        ModelFile.Write(stage.Model, plan.Model.Parameters, trainer.Ema?.Shadow, Metadata(plan));
        return new(curve, trainer.Updates, seconds + clock.Elapsed.TotalSeconds);
    }

    private static Dictionary<string, string> Metadata(TrainingPlan plan) =>
        new()
        {
            ["format"] = "dimum-model-1",
            ["network"] = Workbench.Shape(plan.Model),
            ["stage"] = plan.Stage.Name,
            ["key"] = plan.Stage.Key,
            ["iterations"] = plan.Settings.Iterations.ToString(CultureInfo.InvariantCulture),
        };

    private static void Save(StageFolder stage, TrainingPlan plan, Trainer trainer, double seconds)
    {
        var tensors = new Dictionary<string, Tensor>
        {
            ["theta"] = plan.Model.Parameters.Values,
            ["adam.m"] = trainer.Adam.FirstMoment,
            ["adam.v"] = trainer.Adam.SecondMoment,
        };
        if (trainer.Ema is { } ema)
            tensors["ema"] = ema.Shadow;
        foreach (var (name, value) in plan.Rule.Memory)
            tensors["rule." + name] = value;
        Safetensors.Write(
            stage.Checkpoint,
            tensors,
            new Dictionary<string, string>
            {
                ["iteration"] = trainer.Iteration.ToString(CultureInfo.InvariantCulture),
                ["adam.steps"] = trainer.Adam.Steps.ToString(CultureInfo.InvariantCulture),
                ["updates"] = trainer.Updates.ToString(CultureInfo.InvariantCulture),
                ["seconds"] = seconds.ToString("R", CultureInfo.InvariantCulture),
            }
        );
    }

    private static double Restore(StageFolder stage, TrainingPlan plan, Trainer trainer)
    {
        if (!File.Exists(stage.Checkpoint))
            return 0;
        var (tensors, metadata) = Safetensors.Read(stage.Checkpoint);
        using var none = no_grad();
        try
        {
            plan.Model.Parameters.Load(tensors["theta"]);
            trainer.Adam.FirstMoment.copy_(tensors["adam.m"]);
            trainer.Adam.SecondMoment.copy_(tensors["adam.v"]);
            trainer.Ema?.Shadow.copy_(tensors["ema"]);
            foreach (var (name, value) in plan.Rule.Memory)
                value.copy_(tensors["rule." + name]);
            trainer.Iteration = int.Parse(metadata["iteration"], CultureInfo.InvariantCulture);
            trainer.Adam.Steps = long.Parse(metadata["adam.steps"], CultureInfo.InvariantCulture);
            trainer.Updates = long.Parse(metadata["updates"], CultureInfo.InvariantCulture);
            return double.Parse(metadata["seconds"], CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is KeyNotFoundException or FormatException or ArgumentException)
        {
            throw new UserError($"{stage.Checkpoint}: not a checkpoint of this stage ({e.Message}); delete it and run again", e);
        }
        finally
        {
            foreach (var tensor in tensors.Values)
                tensor.Dispose();
        }
    }

    private static List<T> CutBack<T>(string path, Func<T, bool> keep)
    {
        if (!File.Exists(path))
            return [];
        var kept = new List<T>();
        foreach (var line in File.ReadAllLines(path))
        {
            // A kill may have cut the last line; what it held is made again.
            if (!line.EndsWith('}'))
                break;
            var item = Json.Read<T>(line, path);
            if (keep(item))
                kept.Add(item);
        }

        AtomicFile.WriteText(path, string.Concat(kept.Select(item => Json.Line(item) + "\n")));
        return kept;
    }

    private static void AppendLines<T>(string path, IReadOnlyList<T> items)
    {
        try
        {
            File.AppendAllText(path, string.Concat(items.Select(item => Json.Line(item) + "\n")));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"{path}: can't be written: {e.Message}; free the disk and run the same command again", e);
        }
    }
}
