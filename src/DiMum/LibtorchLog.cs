using System.Runtime.InteropServices;

namespace DiMum;

/// <summary>
/// libtorch's own messages. On processors that NNPACK does not know it warns at every convolution, thousands of lines; TORCH_CPP_LOG_LEVEL, which would stop
/// that, is read by Python's binding alone, so what it sets is set here.
/// </summary>
public static class LibtorchLog
{
    private const string Level = "FLAGS_caffe2_log_level";
    private const int Errors = 2; // glog's ERROR

    /// <summary>
    /// From here on libtorch prints errors and no warnings. False, and nothing changes, where the user set TORCH_CPP_LOG_LEVEL or the library does not export
    /// its level.
    /// </summary>
    public static bool ErrorsOnly()
    {
        if (Environment.GetEnvironmentVariable("TORCH_CPP_LOG_LEVEL") is not null || Library() is not { } file)
            return false;
        if (!NativeLibrary.TryLoad(file, out var library) || !NativeLibrary.TryGetExport(library, Level, out var level))
            return false;
        Marshal.WriteInt32(level, Errors);
        return true;
    }

    private static string? Library() =>
        OperatingSystem.IsLinux()
        && Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native", "libc10.so") is var file
        && File.Exists(file)
            ? file
            : null;
}
