using DiMum.Runs;

namespace DiMum.Tests.Runs;

/// <summary>Sees where a stage begins and goes on, and asks for a stop once it is far enough.</summary>
/// <param name="of">The stage; null for any.</param>
/// <param name="at">Steps done at which to stop; null never.</param>
/// <param name="cancel">Asked.</param>
internal sealed class WatchingObserver(string? of, int? at, CancellationTokenSource cancel) : IRunObserver
{
    /// <summary>What was done when the stage began.</summary>
    public int? Began { get; private set; }

    /// <summary>What was done at its first report.</summary>
    public int? First { get; private set; }

    public void Begin(string stage, int done, int total)
    {
        if (Is(stage))
            Began ??= done;
    }

    public void Advance(string stage, int done, double? loss)
    {
        if (!Is(stage))
            return;
        First ??= done;
        if (done >= at)
            cancel.Cancel();
    }

    public void End(string stage, string summary, bool alreadyDone) { }

    public void Note(string text) { }

    private bool Is(string stage) => of is null || stage == of;
}
