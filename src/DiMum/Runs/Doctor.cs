using System.Runtime.InteropServices;
using DiMum.Profiling;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>What this machine offers.</summary>
public static class Doctor
{
    /// <summary>The environment variable that the runtime takes the size of its first generation from.</summary>
    internal const string FirstGenerationVariable = "DOTNET_GCgen0size";

    /// <summary>Name/value pairs; a failure to load libtorch is one of them and says what to do.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Examine()
    {
        var memory = GC.GetGCMemoryInfo();
        var list = new List<KeyValuePair<string, string>>
        {
            new(
                "system",
                $"{RuntimeInformation.OSDescription}, {RuntimeInformation.RuntimeIdentifier}, {RuntimeInformation.FrameworkDescription}"
            ),
            new("cores", $"{Environment.ProcessorCount}"),
            new("vector width", Machine.Vectors),
            new("memory", $"{memory.TotalAvailableMemoryBytes / (1L << 20):n0} MiB for this process"),
            new("first generation", FirstGeneration()),
        };
        try
        {
            var one = ones(2, 2).matmul(ones(2, 2))[0, 0].item<float>();
            list.Add(
                new(
                    "libtorch",
                    one == 2
                        ? $"loads and computes (TorchSharp {typeof(torch).Assembly.GetName().Version?.ToString(3)})"
                        : "loads but computes wrongly"
                )
            );
            list.Add(new("threads", $"{get_num_threads()}"));
            list.Add(
                new(
                    "cuda",
                    cuda.is_available()
                        ? $"{cuda.device_count()} devices"
                        : "none: this is the CPU build or there is no NVIDIA driver; build with -p:Torch=cuda to use one"
                )
            );
        }
        catch (Exception e)
        {
            list.Add(new("libtorch", $"can't be loaded: {e.Message.Split('\n')[0]}; build again with dotnet build -c Release"));
        }

        list.Add(new("presets", string.Join(", ", Presets.Names)));
        return list;
    }

    private static string FirstGeneration() =>
        Environment.GetEnvironmentVariable(FirstGenerationVariable) is { } size
            ? $"{size} bytes: collections are rare"
            : $"the runtime's choice: TorchSharp can lose a scalar to a collection; set {FirstGenerationVariable}=0x10000000";
}
