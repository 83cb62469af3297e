using DiMum.Attacks;
using DiMum.Runs;
using DiMum.Unlearning;

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

    // Released programs that differ from the paper on points; those of SalUn for CIFAR-10 and of SFR-on differ in mirrored images alone.
    private static readonly IReadOnlyList<(string Name, MethodReading Reading)> Released =
    [
        ("SalUn", MethodReading.AsReleasedInUnlearnCanvas),
        ("EraseDiff", MethodReading.AsReleased),
        ("EraseDiff", MethodReading.AsReleasedInUnlearnCanvas),
        ("Scissorhands", MethodReading.AsReleasedInUnlearnCanvas),
        ("ESD", MethodReading.AsReleased),
        ("ESD", MethodReading.AsReleasedInUnlearnCanvas),
    ];

    public string Run(StudyContext context)
    {
        var setting = Setting();
        var jobs = new Jobs();
        foreach (var seed in Seeds)
        {
            var experiment = Bare(setting with { Seed = seed });
            jobs.Add(
                Course(seed),
                () => Cell(context, Course(seed), () => Convergence.Run(experiment, Iterations, context.Observer, context.Cancel))
            );
        }

        foreach (var seed in Seeds)
            jobs.Add(Methods(seed), () => Cell(context, Methods(seed), () => EndToEnd(context, setting with { Seed = seed })));

        try
        {
            jobs.Run(context.Workers);
        }
        catch (OperationCanceledException)
        {
            // The page says what is in.
        }

        var courses = Seeds.Select(s => context.Read<ConvergenceCell>(Course(s))).OfType<ConvergenceCell>().ToList();
        var runs = Seeds.Select(s => context.Read<MixtureRun>(Methods(s))).OfType<MixtureRun>().ToList();
        foreach (var cell in courses)
            context.Same(Course(cell.Seed), cell.Settings, Bare(setting with { Seed = cell.Seed }));
        foreach (var run in runs)
            context.Same(Methods(run.Seed), run.Settings, setting with { Seed = run.Seed });
        return new MixturePage(setting, Iterations, Seeds.Length, courses, runs, context.Folder).Write();
    }

    /// <summary>The preset with the released readings beside the published ones, by the same numbers.</summary>
    internal static Experiment Setting()
    {
        var preset = Presets.Load("mixture", []);
        var published = preset.Unlearn.Methods;
        return preset with
        {
            Unlearn = preset.Unlearn with
            {
                Methods = [.. published, .. Released.Select(r => published.First(m => m.Name == r.Name) with { Reading = r.Reading })],
            },
        };
    }

    // What the bare equations read of it: of the methods the first one's batch and rate.
    private static Experiment Bare(Experiment e) => e with { Unlearn = e.Unlearn with { Methods = [e.Unlearn.Methods[0]] } };

    private static string Course(long seed) => $"convergence-{seed}";

    private static string Methods(long seed) => $"methods-{seed}";

    // Made where it is not there yet.
    private static void Cell<T>(StudyContext context, string name, Func<T> make)
    {
        if (File.Exists(context.CellFile(name)))
            return;
        context.Cancel.ThrowIfCancellationRequested();
        context.Keep(name, make());
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
