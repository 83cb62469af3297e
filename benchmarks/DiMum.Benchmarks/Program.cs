using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

DiMum.NativeHeap.Keep();

// In this process: a child would have to find libtorch again, and libtorch's threads are set here.
TorchSharp.torch.set_num_threads(int.TryParse(Environment.GetEnvironmentVariable("DIMUM_THREADS"), out var threads) ? threads : 1);
if (args is ["peer"])
{
    DiMum.Benchmarks.Peer.Answer();
    return;
}

var job = Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance);
BenchmarkSwitcher.FromAssembly(typeof(DiMum.Benchmarks.StepBenchmarks).Assembly).Run(args, DefaultConfig.Instance.AddJob(job));
