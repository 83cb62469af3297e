using DiMum.Attacks;
using DiMum.Runs;
using Spectre.Console;

namespace DiMum.Cli;

/// <summary>What each verb does.</summary>
internal static class Verbs
{
    public static int Run(string file, Shared shared, bool dryRun)
    {
        var experiment = Presets.Load(file, shared.Settings);
        if (dryRun)
        {
            Console.Write(Plan.Describe(experiment));
            return 0;
        }

        var results = Watch(experiment, shared, run => run.All());
        var folder = FolderOf(experiment, shared);
        Tables.Print(results);
        Verbs.Report(folder);
        return 0;
    }

    public static int Pretrain(string file, Shared shared)
    {
        Watch(Presets.Load(file, shared.Settings), shared, run => run.Pretrain());
        return 0;
    }

    public static int Unlearn(string target, string method, Shared shared)
    {
        var (experiment, where) = Resolve(target, shared);
        var settings = experiment.MethodOf(method);
        Watch(experiment, where, run => run.Unlearn(settings));
        return 0;
    }

    public static int Attack(string target, string? method, string assumption, string? experimentFile, Shared shared)
    {
        var label = assumption switch
        {
            "i" => Assumption.RetainSet,
            "ii-a" => Assumption.TestSplit,
            "ii-b" => Assumption.Synthesised,
            _ => throw new UserError($"--assumption {assumption}: expected i, ii-a or ii-b"),
        };
        AttackResult result;
        if (Directory.Exists(target))
        {
            var (experiment, where) = Resolve(target, shared);
            var settings = experiment.MethodOf(
                method ?? throw new UserError($"attack {target}: name a method with --method, or give a checkpoint")
            );
            result = Watch(experiment, where, run => run.Attack(settings, label));
        }
        else
        {
            var (experiment, where) = OfCheckpoint(target, experimentFile, shared);
            result = Watch(experiment, where, run => run.AttackCheckpoint(target, label));
        }

        Tables.Print(result);
        return 0;
    }

    public static int Sample(string checkpoint, string classes, int count, string png, string? experimentFile, Shared shared)
    {
        var (experiment, where) = OfCheckpoint(checkpoint, experimentFile, shared);
        Watch(
            experiment,
            where,
            run =>
            {
                run.Sample(checkpoint, classes, count, png);
                return 0;
            }
        );
        Console.WriteLine(Path.GetFullPath(png));
        return 0;
    }

    public static int Evaluate(string? checkpoint, string? experimentFile, Shared shared)
    {
        if (checkpoint is null)
            throw new UserError("evaluate: name a checkpoint, or two sets of images with --samples A --reference B");
        var (experiment, where) = OfCheckpoint(checkpoint, experimentFile, shared);
        var evaluation = Watch(experiment, where, run => run.EvaluateCheckpoint(checkpoint));
        Tables.Print(evaluation);
        return 0;
    }

    public static int Report(string folder)
    {
        var file = Path.Combine(folder, "results.json");
        if (!File.Exists(file))
            throw new UserError(
                $"{Path.GetFullPath(file)}: no such file; finish the run first (dimum run …, the same command goes on where it stopped)"
            );
        var results = Json.Read<RunResults>(File.ReadAllText(file), file);
        DiMum.Runs.Report.ReportWriter.Write(results, folder);
        DiMum.Runs.Report.ReportWriter.WriteTables(results, folder);
        Console.WriteLine($"report: {Path.GetFullPath(Path.Combine(folder, "report.html"))}");
        return 0;
    }

    public static int Doctor()
    {
        var table = new Table().Border(TableBorder.None).HideHeaders().AddColumn("").AddColumn("");
        foreach (var (name, value) in DiMum.Runs.Doctor.Examine())
            table.AddRow(Markup.Escape(name), Markup.Escape(value));
        AnsiConsole.Write(table);
        return 0;
    }

    private static T Watch<T>(Experiment experiment, Shared shared, Func<Run, T> action) =>
        ConsoleObserver.Watch(observer =>
        {
            using var run = new Run(experiment, FolderOf(experiment, shared), observer, shared.Cancel);
            return action(run);
        });

    private static string FolderOf(Experiment experiment, Shared shared) => shared.Out ?? Path.Combine("runs", experiment.Name);

    private static (Experiment, Shared) Resolve(string target, Shared shared)
    {
        if (!Directory.Exists(target))
            return (Presets.Load(target, shared.Settings), shared);
        var file = Path.Combine(target, "experiment.yaml");
        if (!File.Exists(file))
            throw new UserError($"{Path.GetFullPath(target)}: not a run folder, it has no experiment.yaml");
        return (Presets.Load(file, shared.Settings), shared with { Out = shared.Out ?? target });
    }

    private static (Experiment, Shared) OfCheckpoint(string path, string? experimentFile, Shared shared)
    {
        if (!File.Exists(path))
            throw new UserError($"{Path.GetFullPath(path)}: no such checkpoint; expected a .safetensors file");
        if (experimentFile is not null)
            return (Presets.Load(experimentFile, shared.Settings), shared);
        for (var folder = Path.GetDirectoryName(Path.GetFullPath(path)); folder is not null; folder = Path.GetDirectoryName(folder))
            if (File.Exists(Path.Combine(folder, "experiment.yaml")))
                return Resolve(folder, shared);
        throw new UserError($"{Path.GetFullPath(path)}: lies in no run folder; say which experiment it belongs to with --experiment FILE");
    }
}
