using System.Collections;
using System.Runtime.InteropServices;
using System.Text;
using DiMum.Runs;

namespace DiMum.Cli;

/// <summary>
/// Starts the command again with a large first generation. TorchSharp 0.107.0 hands implicit scalars to libtorch without keeping them alive, so a collection
/// at that moment frees the number that libtorch is about to read («toFloat: Expected false to be true»): rare, and rarer the fewer collections there are.
/// The runtime reads this size from the environment alone, before any code of ours runs. What the user sets stays.
/// </summary>
internal static partial class NativeSettings
{
    private const string Variable = Doctor.FirstGenerationVariable;
    private const string Bytes = "0x10000000"; // 256 MiB

    /// <summary>Whether the command does more than print its help.</summary>
    public static bool Wanted(string[] args) => args.Length > 0 && !args.Any(a => a is "--help" or "-h" or "-?" or "--version");

    /// <summary>Replaces the process on Linux, unless it is set already; returns where it did not.</summary>
    public static void Ensure()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable(Variable) is not null)
            return;
        var variables = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(v => $"{v.Key}={v.Value}");
        var all = variables.Append($"{Variable}={Bytes}").Select(Encoding.UTF8.GetBytes);
        // Returns only where it failed; the command then goes on as it is.
        _ = Execute(Environment.ProcessPath!, Pointers(Arguments(File.ReadAllBytes("/proc/self/cmdline"))), Pointers(all));
    }

    // Each ends with a zero byte.
    private static IEnumerable<byte[]> Arguments(byte[] command)
    {
        for (var from = 0; from < command.Length; )
        {
            var end = Array.IndexOf(command, (byte)0, from);
            yield return command[from..end];
            from = end + 1;
        }
    }

    // Never freed: the process is replaced.
    private static nint[] Pointers(IEnumerable<byte[]> texts) => [.. texts.Select(Copy), 0];

    private static nint Copy(byte[] text)
    {
        var at = Marshal.AllocHGlobal(text.Length + 1);
        Marshal.Copy(text, 0, at, text.Length);
        Marshal.WriteByte(at, text.Length, 0);
        return at;
    }

    [LibraryImport("libc", EntryPoint = "execve", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Execute(string file, nint[] arguments, nint[] environment);
}
