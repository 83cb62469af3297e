using DiMum.Checkpoints;
using DiMum.Runs;

namespace DiMum.Studies;

/// <summary>A question that many runs answer: seeds, classes and methods fixed beforehand, every finished part kept, a page at the end.</summary>
public interface IStudy
{
    /// <summary>Name on the command line and of its page in docs/results.</summary>
    string Name { get; }

    /// <summary>What it asks, in a sentence.</summary>
    string Question { get; }

    /// <summary>
    /// Does what is not yet done in <see cref="StudyContext.Folder"/> and returns the page (Markdown) of what is there. Cells that are missing, after a stop
    /// for example, are named in the page.
    /// </summary>
    string Run(StudyContext context);
}

/// <summary>Where a study works and who watches.</summary>
/// <param name="Folder">Its own folder; a finished part found there is not done again.</param>
/// <param name="Observer">Progress.</param>
/// <param name="Workers">Cells worked on at once; results do not depend on it.</param>
/// <param name="Cancel">Asks for a stop at the next checkpoint.</param>
public sealed record StudyContext(string Folder, IRunObserver Observer, int Workers, CancellationToken Cancel)
{
    /// <summary>Where a finished cell is kept.</summary>
    internal string CellFile(string name) => Path.Combine(Folder, "cells", name + ".json");

    /// <summary>A finished cell; null where it is not finished.</summary>
    internal T? Read<T>(string name)
        where T : class => CellFile(name) is var file && File.Exists(file) ? Json.Read<T>(File.ReadAllText(file), file) : null;

    /// <summary>Keeps a cell that has just been finished.</summary>
    internal void Keep<T>(string name, T cell)
    {
        AtomicFile.WriteText(CellFile(name), Json.Write(cell));
        Observer.Note($"{name} is in");
    }

    /// <summary>Refuses a cell that was made by other settings than the study's.</summary>
    internal void Same(string name, string then, Experiment now)
    {
        if (then != YamlRecord.Write(now))
            throw new UserError($"{CellFile(name)}: a cell of other settings than this study's; give --out a new folder");
    }

    /// <summary>A cell that is a whole run: read back where it is done, run where it is not; null once a stop was asked for.</summary>
    /// <param name="name">Of the cell.</param>
    /// <param name="experiment">Its settings.</param>
    /// <param name="folder">Of the run, under the study's.</param>
    /// <param name="finished">What is done after a run of it, in the run's folder.</param>
    internal RunResults? Results(string name, Experiment experiment, string folder, Action<RunResults, string> finished)
    {
        if (Read<RunResults>(name) is { } kept)
        {
            // Settings that came into the record since then have their defaults.
            var then = Presets.Bind(kept.ExperimentYaml, CellFile(name), []) with
            {
                Workers = experiment.Workers,
            };
            Same(name, YamlRecord.Write(then), experiment);
            return kept;
        }

        if (Cancel.IsCancellationRequested)
            return null;
        try
        {
            var where = Path.Combine(Folder, folder);
            using var run = new Run(experiment with { Workers = Workers }, where, Observer, Cancel);
            var results = run.All();
            Keep(name, results);
            finished(results, where);
            return results;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }
}
