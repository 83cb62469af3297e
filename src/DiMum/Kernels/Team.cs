using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DiMum.Kernels;

/// <summary>
/// libtorch's own OpenMP threads, borrowed for kernels of ours. After each of its operations they spin for a while, so that work given to other threads
/// would contend with them for the cores; and waking them is cheaper. Where no GNU OpenMP runtime is loaded there is no team.
/// </summary>
internal static unsafe class Team
{
    private sealed class Runtime(nint parallel, nint number, nint count)
    {
        public readonly delegate* unmanaged<delegate* unmanaged<nint, void>, nint, uint, uint, void> Parallel = (delegate* unmanaged<
            delegate* unmanaged<nint, void>,
            nint,
            uint,
            uint,
            void>)parallel;
        public readonly delegate* unmanaged<int> Number = (delegate* unmanaged<int>)number;
        public readonly delegate* unmanaged<int> Count = (delegate* unmanaged<int>)count;
    }

    private sealed class Job(Action<int, int> part)
    {
        public readonly Action<int, int> Part = part;
        public Exception? Failure;
    }

    private static readonly Lazy<Runtime?> Loaded = new(Find);

    /// <summary>Calls <paramref name="part"/>(i, n) for i = 0…n−1 on n threads, n ≤ <paramref name="threads"/>; false where there is no team.</summary>
    public static bool Run(int threads, Action<int, int> part)
    {
        if (Loaded.Value is not { } runtime)
            return false;
        var job = new Job(part);
        var handle = GCHandle.Alloc(job);
        try
        {
            runtime.Parallel(&Body, GCHandle.ToIntPtr(handle), (uint)threads, 0);
        }
        finally
        {
            handle.Free();
        }

        return job.Failure is null ? true : throw new InvalidOperationException("a kernel failed", job.Failure);
    }

    [UnmanagedCallersOnly]
    private static void Body(nint data)
    {
        var job = Unsafe.As<Job>(GCHandle.FromIntPtr(data).Target!);
        try
        {
            var runtime = Loaded.Value!;
            job.Part(runtime.Number(), runtime.Count());
        }
        catch (Exception e)
        {
            job.Failure = e; // must not cross native frames
        }
    }

    // The runtime that libtorch loaded, under whatever name it was packed; a second one would have threads of its own.
    private static Runtime? Find()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        var libraries = File.ReadLines("/proc/self/maps").Select(line => line[(line.LastIndexOf(' ') + 1)..]).Distinct().ToList();
        var folder = Path.GetDirectoryName(
            libraries.Find(path => Path.GetFileName(path).StartsWith("libtorch_cpu.so", StringComparison.Ordinal))
        );
        var path = libraries.Find(path =>
            Path.GetFileName(path).StartsWith("libgomp", StringComparison.Ordinal) && Path.GetDirectoryName(path) == folder
        );
        if (folder is null || path is null || !NativeLibrary.TryLoad(path, out var library))
            return null;
        return
            NativeLibrary.TryGetExport(library, "GOMP_parallel", out var parallel)
            && NativeLibrary.TryGetExport(library, "omp_get_thread_num", out var number)
            && NativeLibrary.TryGetExport(library, "omp_get_num_threads", out var count)
            ? new(parallel, number, count)
            : null;
    }
}
