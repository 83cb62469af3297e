using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Profiling;

/// <summary>Where numbers were measured.</summary>
/// <param name="Processor">Its name, as the system gives it.</param>
/// <param name="Cores">Logical ones that this process may use.</param>
/// <param name="VectorWidth">AVX-512, AVX2 or less.</param>
/// <param name="Threads">Threads of one operation.</param>
/// <param name="System">Operating system and runtime.</param>
/// <param name="TorchSharp">Version.</param>
/// <param name="Build">Version of this build, with its commit where the build knew it.</param>
public sealed record Machine(string Processor, int Cores, string VectorWidth, int Threads, string System, string TorchSharp, string Build)
{
    /// <summary>How wide vectors are here.</summary>
    internal static string Vectors =>
        Avx512F.IsSupported ? "AVX-512"
        : Avx2.IsSupported ? "AVX2"
        : "less than AVX2";

    /// <summary>This one, now.</summary>
    public static Machine Here() =>
        new(
            ProcessorName(),
            Environment.ProcessorCount,
            Vectors,
            get_num_threads(),
            $"{RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}",
            typeof(torch).Assembly.GetName().Version?.ToString(3) ?? "?",
            typeof(Machine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "?"
        );

    public override string ToString() =>
        $"{Processor}, {Threads} of {Cores} cores, {VectorWidth}; {System}; TorchSharp {TorchSharp}; {Build}";

    private static string ProcessorName()
    {
        const string file = "/proc/cpuinfo";
        if (!File.Exists(file))
            return RuntimeInformation.ProcessArchitecture.ToString();
        var line = File.ReadLines(file).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal));
        return line is null
            ? RuntimeInformation.ProcessArchitecture.ToString()
            : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }
}
