using DiMum.Attacks;
using DiMum.Checkpoints;
using DiMum.Runs;

namespace DiMum.Studies.Mixture;

/// <summary>A method of one seed, or why it has no result.</summary>
internal sealed record MixtureMethod(string Label, MethodResult? Result, string? Failure);

/// <summary>One seed's whole experiment.</summary>
internal sealed record MixtureRun(long Seed, string Settings, Evaluation Pretrained, IReadOnlyList<MixtureMethod> Methods)
{
    public MixtureMethod Of(string label) => Methods.First(m => m.Label == label);
}

/// <summary>
/// IV-B's argument where the truth is known: a labelled Gaussian mixture, whose best denoiser, least loss and Bayes rule have closed forms. Do DiMUM's losses
/// converge, does Eq. (5)'s diverge, does Eq. (6)'s stall at small t; and which method forgets a component for good.
/// </summary>
public sealed class MixtureStudy : IStudy
{
    /// <summary>Iterations of each bare equation.</summary>
    private const int Iterations = 1000;

    private static readonly long[] Seeds = [1, 2, 3, 4, 5]; // fixed before the first run; 7 is the tuning's

    public string Name => "mixture";
    public string Question => "on data with a known optimum, which losses converge (IV-B), and which method forgets for good?";

    public string Run(StudyContext context)
    {
        var preset = Presets.Load("mixture", []);
        var courses = new List<ConvergenceCell>();
        var runs = new List<MixtureRun>();
        foreach (var seed in Seeds)
        {
            var experiment = preset with { Seed = seed };
            if (
                Cell(context, $"convergence-{seed}", () => Convergence.Run(experiment, Iterations, context.Observer, context.Cancel)) is
                { } course
            )
                courses.Add(course.Settings == YamlRecord.Write(experiment) ? course : throw OtherSettings(context, $"convergence-{seed}"));
            if (Cell(context, $"methods-{seed}", () => EndToEnd(context, experiment)) is { } run)
                runs.Add(run.Settings == YamlRecord.Write(experiment) ? run : throw OtherSettings(context, $"methods-{seed}"));
        }

        return new MixturePage(preset, Iterations, Seeds.Length, courses, runs, context.Folder).Write();
    }

    private static UserError OtherSettings(StudyContext context, string name) =>
        new($"{Path.Combine(context.Folder, "cells", name)}.json: a cell of other settings than this study's; give --out a new folder");

    // Read back where it is done, made where it is not; null once a stop was asked for.
    private static T? Cell<T>(StudyContext context, string name, Func<T> make)
        where T : class
    {
        var file = Path.Combine(context.Folder, "cells", name + ".json");
        if (File.Exists(file))
            return Json.Read<T>(File.ReadAllText(file), file);
        if (context.Cancel.IsCancellationRequested)
            return null;
        try
        {
            var cell = make();
            AtomicFile.WriteText(file, Json.Write(cell));
            context.Observer.Note($"{name} is in");
            return cell;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private static MixtureRun EndToEnd(StudyContext context, Experiment experiment)
    {
        using var run = new Run(experiment, Path.Combine(context.Folder, $"run-{experiment.Seed}"), context.Observer, context.Cancel);
        run.Classify();
        var pretrained = run.Pretrain();
        return new(experiment.Seed, YamlRecord.Write(experiment), pretrained, [.. experiment.Unlearn.Methods.Select(m => Method(run, m))]);
    }

    private static MixtureMethod Method(Run run, MethodSettings settings)
    {
        try
        {
            var result = run.Unlearn(settings);
            Assumption[] assumptions = [.. run.Experiment.Attack.Assumptions];
            return new(settings.Label, result with { Attacks = [.. assumptions.Select(a => run.Attack(settings, a))] }, null);
        }
        catch (UserError e)
        {
            return new(settings.Label, null, e.Message);
        }
    }
}
