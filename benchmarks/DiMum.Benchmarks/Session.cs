using DiMum.Nets;
using DiMum.Profiling;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Benchmarks;

/// <summary>What one operation of a benchmark does, for rates.</summary>
/// <param name="Precision">Whose ceilings hold.</param>
/// <param name="Images">Images that it works through; 0 for none.</param>
/// <param name="Flops">Multiplications and additions of convolutions and matrix products; 0 where they aren't counted.</param>
/// <param name="Bytes">Bytes that it must read and write at least; 0 where arithmetic is what counts.</param>
internal sealed record Figures(Precision Precision, double Images = 0, double Flops = 0, double Bytes = 0);

/// <summary>What all benchmarks of this process share: they run in it one after another.</summary>
internal static class Session
{
    private static readonly Dictionary<Precision, Ceilings> Measured = [];

    /// <summary>Where everything is computed.</summary>
    public static Device Device { get; set; } = CPU;

    /// <summary>Of the case that is set up, by benchmark method.</summary>
    public static Dictionary<string, Figures> Figures { get; } = [];

    /// <summary>Measured once in this run, when first asked for.</summary>
    public static Ceilings CeilingsOf(Precision precision)
    {
        if (!Measured.TryGetValue(precision, out var ceilings))
            Measured[precision] = ceilings = Ceilings.Measure(Device, precision);
        return ceilings;
    }

    /// <summary>Waits until the device has done what it was given, so that the time taken is that of the work.</summary>
    public static void Wait()
    {
        if (Device.type == DeviceType.CUDA)
            cuda.synchronize(Device);
    }

    /// <summary>Arithmetic of a network's forward pass, and of both passes.</summary>
    /// <param name="parameters">Of the network.</param>
    /// <param name="loss">Runs it to a scalar.</param>
    public static (double Forward, double Both) Count(ParameterVector parameters, Func<Tensor> loss)
    {
        using var scope = NewDisposeScope();
        var probe = new ModuleProbe(new Clock(Device));
        parameters.Probe = probe;
        loss().backward();
        parameters.Probe = null;
        probe.Close(0);
        parameters.ZeroGradient();
        var outermost = ModuleTimes.Of(probe.Visits, parameters, null).Where(m => m.Parent is null).ToList();
        return (outermost.Sum(m => m.ForwardFlops), outermost.Sum(m => m.Flops));
    }
}
