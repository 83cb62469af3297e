namespace DiMum.Verification;

/// <summary>What a file says happened, in order: random draws, which are given to the run, and observations, which the run must repeat.</summary>
internal sealed class EventScript
{
    private readonly IReadOnlyList<(string Kind, GoldenNode Node)> events;
    private readonly List<int> draws = [];
    private readonly Dictionary<string, Queue<int>> observations = [];
    private readonly HashSet<string> overrun = [];
    private readonly string path;
    private int nextDraw;

    public EventScript(GoldenNode list)
    {
        path = list.Path;
        events = [.. list.Items().Select(e => (e["ev"].Text(), e))];
        for (var i = 0; i < events.Count; i++)
            if (events[i].Kind == "draw")
                draws.Add(i);
            else if (observations.TryGetValue(events[i].Kind, out var queue))
                queue.Enqueue(i);
            else
                observations[events[i].Kind] = new([i]);
    }

    /// <summary>Whether the file lists events of this kind at all; if not, they go unobserved.</summary>
    public bool Lists(string kind) => observations.ContainsKey(kind);

    /// <summary>Whether another random call is listed.</summary>
    public bool MoreDraws => nextDraw < draws.Count;

    /// <summary>The kind of the next random call, or null.</summary>
    public string? NextDrawKind => MoreDraws ? events[draws[nextDraw]].Node["kind"].Text() : null;

    /// <summary>The next random call, which must be of the kind that the run needs.</summary>
    public GoldenNode Draw(string kind)
    {
        if (NextDrawKind != kind)
            throw new Mismatch(
                $"{path}: the run draws '{kind}' where the file lists {(NextDrawKind is { } k ? $"'{k}' ({events[draws[nextDraw]].Node.Path})" : "no more draws")}"
            );
        return events[draws[nextDraw++]].Node;
    }

    /// <summary>The next event of a kind, to be compared with what was just seen; null where the file lists none or no more.</summary>
    public (int Index, GoldenNode Node)? Take(string kind, Checker check)
    {
        if (!observations.TryGetValue(kind, out var queue))
            return null;
        if (queue.TryDequeue(out var index))
            return (index, events[index].Node);
        if (overrun.Add(kind))
            check.Require(false, path, $"the run has more '{kind}' than the file lists");
        return null;
    }

    /// <summary>The next event of a kind without taking it, if it stands before the event <paramref name="before"/>.</summary>
    public GoldenNode? Pending(string kind, int before = int.MaxValue) =>
        observations.TryGetValue(kind, out var queue) && queue.TryPeek(out var index) && index < before ? events[index].Node : null;

    /// <summary>The event after <paramref name="index"/> if it is of the kind; it is then taken.</summary>
    public GoldenNode? Following(int index, string kind)
    {
        if (index + 1 >= events.Count || events[index + 1].Kind != kind)
            return null;
        observations[kind].Dequeue();
        return events[index + 1].Node;
    }

    /// <summary>Nothing that the file lists may be left over.</summary>
    /// <param name="check">Where a remainder is reported.</param>
    /// <param name="known">Kinds that the run observes; others stay unchecked.</param>
    public void Finish(Checker check, IReadOnlySet<string> known)
    {
        check.Require(!MoreDraws, path, $"the run leaves {draws.Count - nextDraw} of {draws.Count} draws untouched");
        foreach (var (kind, queue) in observations)
            if (known.Contains(kind))
                check.Require(queue.Count == 0, path, $"the file lists {queue.Count} more '{kind}' than the run has");
    }
}
