using System.Runtime.ExceptionServices;

namespace DiMum.Runs;

/// <summary>Work with an order: a job starts when those it comes after are done; of those that may start, the first listed does.</summary>
internal sealed class Jobs
{
    private sealed record Job(string Name, Action Work, IReadOnlyList<string> After);

    private readonly List<Job> waiting = [];
    private readonly HashSet<string> done = [];
    private readonly List<Exception> failures = [];
    private readonly Lock gate = new();

    /// <param name="name">Its name, which later jobs may wait for.</param>
    /// <param name="work">What it does.</param>
    /// <param name="after">Names of jobs added before it, so no circle can be said.</param>
    public void Add(string name, Action work, params IReadOnlyList<string> after)
    {
        if (after.FirstOrDefault(a => waiting.TrueForAll(j => j.Name != a)) is { } unknown)
            throw new ArgumentException($"{name} comes after {unknown}, which was not added before it", nameof(after));
        waiting.Add(new(name, work, after));
    }

    /// <summary>Does all of it with that many workers. After a failure nothing new starts; of several, a user's mistake is told first, a stop last.</summary>
    public void Run(int workers)
    {
        using var turn = new SemaphoreSlim(0);
        var count = Math.Min(workers, waiting.Count);
        var threads = Enumerable
            .Range(0, count - 1)
            .Select(n => new Thread(Work) { Name = $"stage worker {n + 2}", IsBackground = true })
            .ToList();
        threads.ForEach(t => t.Start());
        Work();
        threads.ForEach(t => t.Join());
        var first = failures
            .OrderBy(e =>
                e is UserError ? 0
                : e is OperationCanceledException ? 2
                : 1
            )
            .FirstOrDefault();
        if (first is not null)
            ExceptionDispatchInfo.Throw(first);

        void Work()
        {
            while (Next(turn) is { } job)
                Do(job, turn, count);
        }
    }

    // Null when there is nothing left to start, now or later.
    private Job? Next(SemaphoreSlim turn)
    {
        while (true)
        {
            lock (gate)
            {
                if (failures.Count > 0 || waiting.Count == 0)
                    return null;
                if (waiting.Find(j => j.After.All(done.Contains)) is { } job)
                {
                    waiting.Remove(job);
                    return job;
                }
            }

            turn.Wait(); // all that is left comes after something that runs; its end wakes every worker
        }
    }

    private void Do(Job job, SemaphoreSlim turn, int workers)
    {
        try
        {
            job.Work();
            lock (gate)
                done.Add(job.Name);
        }
        catch (Exception e)
        {
            lock (gate)
                failures.Add(e);
        }

        turn.Release(workers);
    }
}
