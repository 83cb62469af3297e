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
public sealed record StudyContext(string Folder, IRunObserver Observer, int Workers, CancellationToken Cancel);
