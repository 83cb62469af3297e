using System.Runtime.InteropServices;

namespace DiMum;

/// <summary>
/// How libtorch's CPU memory is kept. By default glibc gives every large block back to the system when it is freed, or trims the heap after it, so
/// the tensors of the next step are page-faulted in again: a no-gradient forward of a small U-Net (16×16, batch 64) met 15,800 faults, about as much
/// time as its arithmetic and more on a virtual machine. Kept memory costs no more than the peak of what is alike; large matrices of all sizes after
/// one another do better without.
/// </summary>
public static partial class NativeHeap
{
    // malloc.h's M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD.
    private const int TrimThreshold = -1;
    private const int TopPad = -2;
    private const int MmapThreshold = -3;

    // Above the 64 MiB of a thread's own heap, such heaps are not given back either.
    private const int Pad = 65 << 20;
    private const int OwnBlock = 1 << 20; // blocks from here on come from the system and go back to it
    private const int UsualTrim = 128 << 10;

    /// <summary>From here on freed memory stays with the process; false where the C library is not glibc, and nothing changes there.</summary>
    public static bool Keep() => Set(1 << 30, -1, Pad);

    /// <summary>What is free goes back to the system, now and from here on.</summary>
    public static bool GiveBack() => Set(OwnBlock, UsualTrim, UsualTrim) && Trim(0) >= 0;

    private static bool Set(int mmapThreshold, int trimThreshold, int pad)
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("DIMUM_HEAP") == "system")
            return false;
        try
        {
            return SetOption(MmapThreshold, mmapThreshold) == 1
                && SetOption(TrimThreshold, trimThreshold) == 1
                && SetOption(TopPad, pad) == 1;
        }
        catch (EntryPointNotFoundException)
        {
            return false; // musl
        }
        catch (DllNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);

    [LibraryImport("libc.so.6", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint pad);
}
