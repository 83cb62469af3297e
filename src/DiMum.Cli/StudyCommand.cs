using System.CommandLine;
using DiMum.Checkpoints;
using DiMum.Studies;

namespace DiMum.Cli;

/// <summary><c>dimum study</c>: many runs that answer one question, and their page.</summary>
internal static class StudyCommand
{
    public static Command Create()
    {
        var name = new Argument<string?>("study") { Description = "Its name; without one, the list.", Arity = ArgumentArity.ZeroOrOne };
        var folder = new Option<string?>("--out", "-o") { Description = "Its folder; by default runs/study-NAME." };
        var workers = new Option<int>("--workers")
        {
            Description = "Cells worked on at once; results do not depend on it.",
            DefaultValueFactory = _ => 1,
        };
        var command = new Command(
            "study",
            """
            Answer a question with many runs (seeds, classes, methods fixed beforehand); finished ones are kept, the page says which are in.

            Example:  dimum study mixture --out runs/mixture
            """
        )
        {
            name,
            folder,
            workers,
        };
        command.SetAction(parse =>
            Guarded.Call(cancel =>
                parse.GetValue(name) is { } asked ? Run(asked, parse.GetValue(folder), parse.GetValue(workers), cancel) : List()
            )
        );
        return command;
    }

    private static int Run(string name, string? folder, int workers, CancellationToken cancel)
    {
        if (workers < 1)
            throw new UserError($"--workers {workers}: expected at least 1");
        var study = StudyRegistry.Find(name);
        var where = Path.GetFullPath(folder ?? Path.Combine("runs", $"study-{study.Name}"));
        AtomicFile.MakeFolder(where);
        var page = ConsoleObserver.Watch(observer => study.Run(new(where, observer, workers, cancel)));
        var file = Path.Combine(where, $"{study.Name}.md");
        AtomicFile.WriteText(file, page);
        Console.WriteLine(file);
        return 0;
    }

    private static int List()
    {
        foreach (var study in StudyRegistry.All)
            Console.WriteLine($"{study.Name, -20} {study.Question}");
        return 0;
    }
}
