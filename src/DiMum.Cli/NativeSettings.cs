using System.Collections;
using System.Runtime.InteropServices;
using System.Text;

namespace DiMum.Cli;

/// <summary>
/// Starts the command again under settings that the runtime and libtorch read from the environment alone, before any code of ours runs.
/// <list type="bullet">
/// <item>A large first generation: TorchSharp 0.107.0 hands implicit scalars to libtorch without keeping them alive, so a collection at that moment frees
/// the number that libtorch is about to read («toFloat: Expected false to be true»). The fewer collections, the rarer.</item>
/// <item>No warnings of libtorch's: on processors that NNPACK does not know it says so at every convolution, thousands of lines.</item>
/// </list>
/// What the user sets stays.
/// </summary>
internal static partial class NativeSettings
{
    private static readonly (string Name, string Value)[] Wanted = [("DOTNET_GCgen0size", "0x10000000"), ("TORCH_CPP_LOG_LEVEL", "ERROR")];

    /// <summary>Replaces the process on Linux, unless all is set already or nothing is computed; returns where it did not.</summary>
    public static void Ensure(string[] args)
    {
        var missing = Wanted.Where(w => Environment.GetEnvironmentVariable(w.Name) is null).ToList();
        if (!OperatingSystem.IsLinux() || missing.Count == 0 || !Computes(args))
            return;
        var variables = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(v => $"{v.Key}={v.Value}");
        var all = variables.Concat(missing.Select(w => $"{w.Name}={w.Value}")).Select(Encoding.UTF8.GetBytes);
        // Returns only where it failed; the command then goes on as it is.
        _ = Execute(Environment.ProcessPath!, Pointers(Arguments(File.ReadAllBytes("/proc/self/cmdline"))), Pointers(all));
    }

    private static bool Computes(string[] args) => args.Length > 0 && !args.Any(a => a is "--help" or "-h" or "-?" or "--version");

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
