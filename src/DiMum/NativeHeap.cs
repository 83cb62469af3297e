using System.Runtime.InteropServices;

namespace DiMum;

/// <summary>
/// How libtorch's CPU memory is kept. By default glibc gives every large block back to the system when it is freed, or trims the heap after it, so
/// the tensors of the next step are page-faulted in again: a no-gradient forward of a small U-Net (16×16, batch 64) met 15,800 faults, about as much
/// time as its arithmetic and more on a virtual machine. Kept memory costs no more than the peak.
/// </summary>
public static partial class NativeHeap
{
    // malloc.h's M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD.
    private const int TrimThreshold = -1;
    private const int TopPad = -2;
    private const int MmapThreshold = -3;

    // Above the 64 MiB of a thread's own heap, such heaps are not given back either.
    private const int Pad = 65 << 20;

    private static readonly Lazy<bool> Kept = new(SetOnce);

    /// <summary>From here on freed memory stays with the process. Once; false where the C library is not glibc, and nothing changes there.</summary>
    public static bool Keep() => Kept.Value;

    private static bool SetOnce()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("DIMUM_HEAP") == "system")
            return false;
        try
        {
            return SetOption(MmapThreshold, 1 << 30) == 1 && SetOption(TrimThreshold, -1) == 1 && SetOption(TopPad, Pad) == 1;
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
}
