using DiMum;
using DiMum.Benchmarks;
using DiMum.Profiling;

if (args is not ["peer", "plain"]) // which is to run as a process of its own would
    NativeHeap.Keep();
if (args is ["peer", ..])
{
    TorchSharp.torch.set_num_threads(int.TryParse(Environment.GetEnvironmentVariable("DIMUM_THREADS"), out var threads) ? threads : 1);
    Peer.Answer();
    return 0;
}

try
{
    if (args is ["endurance", var steps])
    {
        if (!int.TryParse(steps, System.Globalization.CultureInfo.InvariantCulture, out var count) || count < 1)
            throw new UserError($"endurance {steps}: expected a number of steps, at least 1");
        TorchSharp.torch.set_num_threads(1);
        PeerEndurance.Run(count);
        return 0;
    }

    if (args is not ["compare", ..])
        return Suite.Run(args);
    if (args is not ["compare", var older, var newer])
        throw new UserError("compare: expected two result files, the older first: compare OLD.json NEW.json");
    Console.Write(BenchmarkComparison.Between(BenchmarkResults.Read(older), BenchmarkResults.Read(newer)).Text());
    return 0;
}
catch (UserError e)
{
    Console.Error.WriteLine($"benchmarks: {e.Message}");
    return 2;
}
