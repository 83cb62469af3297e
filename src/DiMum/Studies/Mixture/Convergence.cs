using DiMum.Attacks;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Runs;
using DiMum.Runs.Subjects;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;

namespace DiMum.Studies.Mixture;

/// <summary>Distances at an iteration.</summary>
internal sealed record Sighting(int Iteration, Distances Distances);

/// <summary>What one rule did to the network.</summary>
/// <param name="Rule">The equation.</param>
/// <param name="Failure">Why it ended early; null: it did not.</param>
/// <param name="Seen">Along the way, iteration 0 first.</param>
internal sealed record Course(string Rule, string? Failure, IReadOnlyList<Sighting> Seen);

/// <summary>One seed's four courses.</summary>
internal sealed record ConvergenceCell(long Seed, string Settings, double[] Floor, double[] NullFloor, IReadOnlyList<Course> Courses)
{
    public Course Of(string rule) => Courses.First(c => c.Rule == rule);
}

/// <summary>
/// IV-B on data with a known optimum: a network is pre-trained by Eq. (4); from it Eqs. (11), (5) and (6) run on, bare: λ = 1, sums, no mask, no decay of the
/// rate, no dropped conditions (so that Eq. (6)'s floor is 0 exactly).
/// </summary>
internal static class Convergence
{
    public const string Training = "Eq. (4)";
    public const string Memorizing = "Eq. (11)";
    public const string Ascent = "Eq. (5)";
    public const string Relabelled = "Eq. (6)";

    private static readonly int[] Hundredths = [0, 1, 3, 10, 20, 30, 40, 50, 75, 100];

    public static ConvergenceCell Run(Experiment experiment, int iterations, IRunObserver observer, CancellationToken cancel)
    {
        using var bench = new Workbench(experiment);
        var (u, alternative) = (bench.Classes.Unlearned, bench.Classes.Alternative[0]);
        var law = DatasetSource.LawOf(experiment.Data.Name)!;
        using var probe = new Probe(law, bench.Schedule, u, alternative, bench.Seed.At("probe"));
        using var model = bench.NewClassNetwork("pretrain/init");
        var name = $"seed {experiment.Seed} ";
        Course Follow(string rule, IUpdateRule updates, TrainerSettings settings, string purpose) =>
            Watch(name + rule, rule, model, updates, settings, bench.Seed.At(purpose), probe, observer, cancel);

        var p = experiment.Pretrain;
        Course training;
        var batches = bench.Batches("pretrain", p.BatchSize, PixelCode.Instance);
        using (var rule = DiMRA.Rule(model, bench.Schedule, batches, Pairing.Train(bench.Train), p.Clip))
            training = Follow(Training, rule, Workbench.Trainer(p), "pretrain");
        using var start = model.Parameters.Snapshot().DetachFromDisposeScope();
        List<Course> courses = [training];
        foreach (var equation in new[] { Memorizing, Ascent, Relabelled })
        {
            model.Parameters.Load(start);
            using var rule = Rule(equation, Context(bench, model, experiment.Unlearn.Methods[0], iterations));
            courses.Add(Follow(equation, rule, new(iterations, new LearningRate(experiment.Unlearn.Methods[0].Rate)), "unlearn"));
        }

        return new(experiment.Seed, YamlRecord.Write(experiment), probe.Floor, probe.NullFloor, courses);
    }

    /// <summary>The bare equation as an update rule.</summary>
    internal static IUpdateRule Rule(string equation, UnlearningContext context)
    {
        var even = new Balance(1, 1);
        var relabelling = new Relabelling(LossReduction.SumPerImage);
        return equation switch
        {
            Memorizing => new Unlearning.Methods.DiMum(even).Prepare(context),
            Ascent => new GradientAscent(even).Prepare(context),
            _ => new UpdateRule(k =>
                [
                    new(
                        () => context.Loss(context.Retain, k) + relabelling.Loss(context, context.Batches.Next(context.Forget, k), k, k),
                        context.Clip
                    ),
                ]
            ),
        };
    }

    internal static UnlearningContext Context(Workbench bench, ITrainableDenoiser model, MethodSettings settings, int iterations)
    {
        var (train, classes) = (bench.Train, bench.Classes);
        return new(
            model,
            bench.Schedule,
            new SeededBatches(
                bench.Schedule,
                new DrawSettings(settings.BatchSize, DropProbability: 0),
                bench.Seed.At("unlearn"),
                bench.Device
            ),
            Pairing.Forget(train, classes.UnlearnedSet),
            Pairing.Retain(train, classes.UnlearnedSet),
            Pairing.Memorization(train, classes.UnlearnedSet, classes.AlternativeSet),
            new ClassSubject(bench).Alternative,
            iterations,
            settings.Clip
        );
    }

    private static Course Watch(
        string stage,
        string equation,
        ITrainableDenoiser model,
        IUpdateRule rule,
        TrainerSettings settings,
        Seed seed,
        Probe probe,
        IRunObserver observer,
        CancellationToken cancel
    )
    {
        var at = Hundredths.Select(h => h * settings.Iterations / 100).ToHashSet();
        using var trainer = new Trainer(model, rule, settings, seed);
        List<Sighting> seen = [new(0, probe.Of(model))];
        observer.Begin(stage, 0, settings.Iterations);
        string? failure = null;
        while (!trainer.Finished && failure is null)
        {
            cancel.ThrowIfCancellationRequested();
            try
            {
                var progress = trainer.Step();
                observer.Advance(stage, progress.Iteration, progress.Loss);
                if (at.Contains(progress.Iteration))
                    seen.Add(new(progress.Iteration, probe.Of(model)));
            }
            catch (UserError e)
            {
                failure = e.Message;
            }
        }

        observer.End(stage, failure ?? $"{trainer.Iteration} iterations", alreadyDone: false);
        return new(equation, failure, seen);
    }
}
