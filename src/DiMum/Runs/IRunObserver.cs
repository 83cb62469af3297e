namespace DiMum.Runs;

/// <summary>Whoever watches a run: a progress bar, a log, nobody. Nothing below <c>Runs</c> writes to a console.</summary>
public interface IRunObserver
{
    /// <summary>A stage begins, or goes on at <paramref name="done"/> of <paramref name="total"/>.</summary>
    void Begin(string stage, int done, int total);

    /// <summary>A stage advances.</summary>
    void Advance(string stage, int done, double? loss);

    /// <summary>A stage is complete; <paramref name="summary"/> says what came out.</summary>
    void End(string stage, string summary, bool alreadyDone);

    /// <summary>Anything else worth a line.</summary>
    void Note(string text);
}

/// <summary>Watches nothing.</summary>
public sealed class SilentObserver : IRunObserver
{
    public void Begin(string stage, int done, int total) { }

    public void Advance(string stage, int done, double? loss) { }

    public void End(string stage, string summary, bool alreadyDone) { }

    public void Note(string text) { }
}
