using System.Reflection;
using System.Runtime.InteropServices;
using TorchSharp;

namespace DiMum.Profiling;

/// <summary>
/// Counts TorchSharp's calls into its native library, by name: a <see cref="CountingLibrary"/> stands between them. Must be asked for before the
/// process's first use of libtorch, since a call once bound stays bound. Linux on x86-64 only.
/// </summary>
public static unsafe class NativeCalls
{
    private const string Library = "LibTorchSharp";
    private const string Importing = "TorchSharp.PInvoke.NativeMethods";
    private static readonly Lock Gate = new();
    private static string[] names = [];
    private static nint shim;
    private static long* counters;
    private static bool asked;

    /// <summary>Whether calls are counted from here on; false where that is impossible.</summary>
    public static bool Install()
    {
        lock (Gate)
        {
            if (asked)
                return IsSupported;
            asked = true;
            if (IsSupported)
                NativeLibrary.SetDllImportResolver(typeof(torch).Assembly, Resolve);
            return IsSupported;
        }
    }

    private static bool IsSupported => OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Whether calls are being counted.</summary>
    public static bool Active => counters is not null;

    /// <summary>Calls so far, of all threads.</summary>
    public static long Total
    {
        get
        {
            long sum = 0;
            for (var i = 0; i < names.Length; i++)
                sum += Volatile.Read(ref counters[i]);
            return sum;
        }
    }

    /// <summary>Calls so far by function, in the order of the names.</summary>
    public static IReadOnlyDictionary<string, long> ByName =>
        names
            .Select((name, i) => (name, count: Volatile.Read(ref counters[i])))
            .Where(p => p.count > 0)
            .ToDictionary(p => p.name, p => p.count);

    // Asked once for every imported function, when it is first called.
    private static nint Resolve(string library, Assembly assembly, DllImportSearchPath? path)
    {
        if (library != Library)
            return 0;
        lock (Gate)
            return shim != 0 ? shim : shim = Load(NativeLibrary.Load(library, assembly, path), assembly);
    }

    private static nint Load(nint real, Assembly assembly)
    {
        // By name: listing all of TorchSharp's types would load assemblies that need not be there.
        var imported = (assembly.GetType(Importing)?.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic) ?? [])
            .Select(method => method.GetCustomAttribute<DllImportAttribute>() is { Value: Library } import ? import.EntryPoint : null)
            .OfType<string>()
            .Distinct()
            .Where(name => NativeLibrary.TryGetExport(real, name, out _))
            .Order(StringComparer.Ordinal)
            .ToArray();
        var file = Path.Combine(Path.GetTempPath(), $"dimum-count-{Guid.NewGuid():n}.so");
        try
        {
            File.WriteAllBytes(file, CountingLibrary.Build(imported));
            var made = NativeLibrary.Load(file);
            var slots = (nint*)NativeLibrary.GetExport(made, CountingLibrary.Slots);
            for (var i = 0; i < imported.Length; i++)
                slots[i] = NativeLibrary.GetExport(real, imported[i]);
            names = imported;
            counters = (long*)NativeLibrary.GetExport(made, CountingLibrary.Counters);
            return made;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DllNotFoundException or BadImageFormatException)
        {
            return real; // a folder for temporary files that allows no libraries: nothing is counted
        }
        finally
        {
            File.Delete(file);
        }
    }
}
