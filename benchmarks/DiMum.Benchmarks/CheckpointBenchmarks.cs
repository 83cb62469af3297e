using BenchmarkDotNet.Attributes;
using DiMum.Checkpoints;
using DiMum.Nets;

namespace DiMum.Benchmarks;

/// <summary>The CIFAR-10 network's weights, 154 MB, to a file (flushed to disk) and back.</summary>
[MemoryDiagnoser(displayGenColumns: false)]
public class CheckpointBenchmarks
{
    private Workload workload = null!;
    private string folder = "";

    private string FilePath => Path.Combine(folder, "model.safetensors");

    [GlobalSetup]
    public void SetUp()
    {
        workload = new(Size.Cifar10);
        folder = Directory.CreateTempSubdirectory("dimum-benchmarks-").FullName;
        Save();
        var bytes = (double)new FileInfo(FilePath).Length;
        Session.Figures[nameof(Save)] = Session.Figures[nameof(Load)] = new(Precision.Fp32, Bytes: 2 * bytes);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        Directory.Delete(folder, recursive: true);
        workload.Dispose();
    }

    [Benchmark(Description = "save")]
    public void Save() => ModelFile.Write(FilePath, workload.Model.Parameters, null, new Dictionary<string, string>());

    [Benchmark(Description = "load")]
    public void Load() => ModelFile.Read(FilePath, workload.Model.Parameters);
}
