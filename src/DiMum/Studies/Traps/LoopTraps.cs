using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Optimization;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Studies.Traps;

/// <summary>Loaders, inner loops, averages and targets: T6, T7, T9, T12, T13, T22.</summary>
internal static class LoopTraps
{
    public static Seen FirstBatchForEver(TrapScene scene)
    {
        using var model = scene.Network();
        var forget = scene.Context(model).Forget;
        int Distinct(Loader loader)
        {
            var source = scene.Context(model, loader, batch: 4).Batches;
            var images = new HashSet<string>();
            for (var step = 0; step < forget.Count / 4 + 1; step++)
                foreach (var image in source.Next(forget, step).Clean.unbind())
                    images.Add(Convert.ToHexString(image.contiguous().bytes));
            return images.Count;
        }

        var (first, shuffled) = (Distinct(Loader.FirstBatch), Distinct(Loader.Shuffled));
        return Seen.If(
            first == 4 && shuffled > 100,
            $"distinct images of the {forget.Count} of D_u seen in an epoch of batches of 4: {first} where the loader is opened anew at every step, {shuffled} where it is shuffled"
        );
    }

    public static Seen StaleVariable(TrapScene scene)
    {
        using var model = scene.Network();
        var context = scene.Context(model);
        TrapScene.Gradient(model, () => context.Loss(context.Retain, 0));
        var entries = model.Parameters.Entries;
        var last = entries[^1].Value; // what the loop before left in «param»
        var tested = entries.Count(p => p.Value.grad is not null);
        var stale = entries.Count(_ => last.grad is not null);
        return Seen.If(
            stale != tested,
            $"tensors collected: {tested} when each one's gradient is tested, {stale} when the stale variable's is; every weight has a gradient, so the two are the same"
        );
    }

    public static Seen SharedMoments(TrapScene scene)
    {
        using var model = scene.Network();
        var context = scene.Context(model);
        Tensor FirstOuterStep(bool shared)
        {
            using var scope = NewDisposeScope();
            var start = model.Parameters.Snapshot();
            var loop = EraseDiffLoop.Of(MethodReading.AsPublished) with { SharedMoments = shared };
            using var rule = (new EraseDiff(new(1, 0.1), 2) { Loop = loop }).Prepare(context);
            using var trainer = new Trainer(model, rule, new TrainerSettings(1, new LearningRate(1e-4)), scene.Seed);
            trainer.Step();
            var moved = model.Parameters.Values - start;
            model.Parameters.Load(start);
            return moved.MoveToOuterDisposeScope();
        }

        var (own, shared) = (FirstOuterStep(false), FirstOuterStep(true));
        var difference = (own - shared).norm().ToDouble() / own.norm().ToDouble();
        return Seen.If(
            difference > 0.01,
            $"first outer step of EraseDiff from the same weights: with the inner loop's moments left in Adam it differs from the step without by {difference:p0} of its length"
        );
    }

    public static Seen AverageOfNothing(TrapScene scene)
    {
        using var model = scene.Network();
        using var slow = new Ema(model.Parameters, 0.9999);
        using var fast = new Ema(model.Parameters, 0.0001);
        var start = model.Parameters.Snapshot();
        model.Parameters.Load(start + 1e-3);
        slow.Update();
        fast.Update();
        double Left(Ema ema) => ((ema.Shadow - model.Parameters.Values).norm() / (start - model.Parameters.Values).norm()).ToDouble();
        var (left, kept) = (Left(fast), Left(slow));
        return Seen.If(
            left < 1e-3,
            $"after one step the shadow's distance from the weights is {left:g2} of the step at rate 0.0001 and {kept:g4} at 0.9999; half-lives {Math.Log(0.5) / Math.Log(0.0001):f3} and {Math.Log(0.5) / Math.Log(0.9999):f0} steps"
        );
    }

    public static Seen AverageIsNotGiven(TrapScene scene)
    {
        var path = Path.Combine(Path.GetTempPath(), $"dimum-{Guid.NewGuid():N}.safetensors");
        try
        {
            using var model = scene.Network();
            var average = model.Parameters.Snapshot();
            model.Parameters.Load(average + 0.01);
            ModelFile.Write(path, model.Parameters, average, new Dictionary<string, string>());
            ModelFile.Read(path, model.Parameters, average: true);
            var asked = (model.Parameters.Values - average).norm().ToDouble();
            ModelFile.Read(path, model.Parameters);
            var given = (model.Parameters.Values - average).norm().ToDouble();
            return Seen.If(
                asked == 0 && given > 0,
                $"distance from the average: {asked:g3} where it is read, {given:g3} where the plain weights are returned for it"
            );
        }
        finally
        {
            File.Delete(path);
        }
    }

    public static Seen CurrentTarget(TrapScene scene)
    {
        using var model = scene.Network();
        var context = scene.Context(model);
        using var frozen = new FrozenWeights(model);
        using var rule = new SalUn(new(1, 1), null, Guidance.None).Prepare(context);
        using var trainer = new Trainer(model, rule, new TrainerSettings(20, new LearningRate(1e-3)), scene.Seed);
        var batch = context.Batches.Next(context.Forget, 0);
        var benign = batch.Under(context.Alternative(batch.Condition, 0));
        double Apart()
        {
            using var none = no_grad();
            model.Training = false;
            var current = EpsilonLoss.Predict(model, context.Schedule, benign);
            var first = frozen.Under(() => EpsilonLoss.Predict(model, context.Schedule, benign));
            return ((current - first).norm() / first.norm()).ToDouble();
        }

        var before = Apart();
        while (!trainer.Finished)
            trainer.Step();
        var after = Apart();
        return Seen.If(
            before == 0 && after > 0.01,
            $"distance of SalUn's target from the frozen network's: {before:p0} at the start, {after:p0} of its length after 20 steps"
        );
    }
}
