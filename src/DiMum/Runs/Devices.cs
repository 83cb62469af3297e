using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>Device names as experiments write them.</summary>
public static class Devices
{
    /// <summary>cpu, cuda or cuda:N.</summary>
    /// <exception cref="UserError">An unknown name, or CUDA that this build or machine does not have.</exception>
    public static Device Parse(string name)
    {
        if (name == "cpu")
            return CPU;
        var parts = name.Split(':');
        var index = 0;
        if (
            parts[0] != "cuda"
            || parts.Length > 2
            || (parts.Length == 2 && !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index))
        )
            throw new UserError($"device '{name}': expected cpu, cuda or cuda:N");
        if (!cuda.is_available())
            throw new UserError(
                $"device '{name}': no CUDA here; build with -p:Torch=cuda on a machine with an NVIDIA driver, or use --device cpu"
            );
        if (index >= cuda.device_count())
            throw new UserError($"device '{name}': this machine has {cuda.device_count()} CUDA devices, numbered from 0");
        return new Device(DeviceType.CUDA, index);
    }
}
