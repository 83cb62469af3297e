using TorchSharp;

namespace DiMum.Profiling;

/// <summary>What a piece of work costs besides time, which does not drift from run to run. Of the calling thread, but for the native calls.</summary>
/// <param name="ManagedBytes">Bytes allocated on the managed heap.</param>
/// <param name="Tensors">Tensors made.</param>
/// <param name="TensorsLeft">Tensors made and not disposed of.</param>
/// <param name="NativeCalls">Calls into TorchSharp's native library; null where they aren't counted (see <see cref="Profiling.NativeCalls"/>).</param>
/// <param name="CallsByName">Those calls by function; null likewise.</param>
public sealed record StepCounts(
    long ManagedBytes,
    long Tensors,
    long TensorsLeft,
    long? NativeCalls,
    IReadOnlyDictionary<string, long>? CallsByName
)
{
    // More than a step allocates, less than a region without collections may hold.
    private const long Room = 64L << 20;

    /// <summary>
    /// Counts one run of <paramref name="work"/>. Garbage is collected before and not meanwhile, so that no finaliser's calls are among them.
    /// </summary>
    public static StepCounts Of(Action work)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        var quiet = GC.TryStartNoGCRegion(Room);
        try
        {
            var statistics = DisposeScopeManager.Statistics.TensorStatistics;
            var before = Profiling.NativeCalls.ByName;
            var (made, live) = (Made(statistics), statistics.ThreadTotalLiveCount);
            var bytes = GC.GetAllocatedBytesForCurrentThread();
            work();
            bytes = GC.GetAllocatedBytesForCurrentThread() - bytes;
            var calls = Profiling.NativeCalls.Active ? Since(before) : null;
            return new(bytes, Made(statistics) - made, statistics.ThreadTotalLiveCount - live, calls?.Values.Sum(), calls);
        }
        finally
        {
            if (quiet && System.Runtime.GCSettings.LatencyMode == System.Runtime.GCLatencyMode.NoGCRegion)
                GC.EndNoGCRegion();
        }
    }

    private static Dictionary<string, long> Since(IReadOnlyDictionary<string, long> before) =>
        Profiling
            .NativeCalls.ByName.Select(now => (now.Key, Count: now.Value - before.GetValueOrDefault(now.Key)))
            .Where(call => call.Count > 0)
            .OrderByDescending(call => call.Count)
            .ToDictionary(call => call.Key, call => call.Count);

    private static long Made(LifetimeStatistics s) => s.CreatedInScopeCount + s.CreatedOutsideScopeCount;
}
