using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace DiMum.Benchmarks;

/// <summary>Highest resident memory since the last reset; on systems other than Linux since the process began.</summary>
internal static partial class PeakMemory
{
    /// <summary>Bytes.</summary>
    public static double Bytes
    {
        get
        {
            const string mark = "VmHWM:";
            var line = OperatingSystem.IsLinux()
                ? File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith(mark, StringComparison.Ordinal))
                : null;
            return line is null
                ? Process.GetCurrentProcess().PeakWorkingSet64
                : 1024.0
                    * long.Parse(
                        line[mark.Length..].Replace("kB", "", StringComparison.Ordinal),
                        NumberStyles.Any,
                        CultureInfo.InvariantCulture
                    );
        }
    }

    /// <summary>Gives free memory back to the system, so that one case's peak is not the next one's.</summary>
    public static void Release()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            _ = Trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // No glibc: what is resident stays so.
        }
    }

    /// <summary>The peak is what is resident now.</summary>
    public static void Reset()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not allowed here: the peak is the process's.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint pad);
}
