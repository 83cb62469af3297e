using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Profiling;

/// <summary>Time on a device: where work is queued, the clock waits for the queue first.</summary>
internal sealed class Clock(Device device)
{
    private const double Enough = 0.1;
    private readonly bool queued = device.type == DeviceType.CUDA;
    private readonly long start = Stopwatch.GetTimestamp();

    /// <summary>Seconds since this clock was made, all work given to the device so far being done.</summary>
    public double Now
    {
        get
        {
            if (queued)
                cuda.synchronize(device);
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    /// <summary>Seconds that <paramref name="work"/> takes: the least of <paramref name="times"/> runs, after one that is not counted; as many more as fit in a tenth of a second.</summary>
    public double Least(int times, Action work)
    {
        work();
        var (least, start) = (double.PositiveInfinity, Now);
        for (var i = 0; i < times || Now - start < Enough; i++)
        {
            var before = Now;
            work();
            least = Math.Min(least, Now - before);
        }

        return least;
    }
}
