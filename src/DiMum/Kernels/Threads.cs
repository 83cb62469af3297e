using TorchSharp;

namespace DiMum.Kernels;

/// <summary>Work split over libtorch's number of threads; what is computed does not depend on that number.</summary>
internal static class Threads
{
    /// <summary>Elements below which a second thread costs more than it saves.</summary>
    private const long Least = 1 << 16;

    /// <summary>Calls <paramref name="work"/> for every item, each by one thread; items count <paramref name="elements"/> elements each.</summary>
    public static void Each(int items, long elements, Action<int> work)
    {
        var threads = (int)Math.Min(Math.Min(torch.get_num_threads(), items), Math.Max(1, items * elements / Least));
        if (threads <= 1)
            Part(0, items, work);
        else
            Parallel.For(
                0,
                threads,
                new ParallelOptions { MaxDegreeOfParallelism = threads },
                t => Part((int)((long)items * t / threads), (int)((long)items * (t + 1) / threads), work)
            );
    }

    private static void Part(int from, int to, Action<int> work)
    {
        for (var item = from; item < to; item++)
            work(item);
    }
}
