using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Kernels;

/// <summary>The memory of a contiguous CPU tensor, which must outlive this: the one place where a pointer becomes a bounded span.</summary>
internal readonly struct Raw
{
    private readonly nint at;
    private readonly int bytes;

    public unsafe Raw(Tensor tensor, ScalarType expected)
    {
        if (tensor.device_type != DeviceType.CPU || tensor.dtype != expected || !tensor.is_contiguous())
            throw new ArgumentException($"a kernel expects a contiguous {expected} tensor on CPU, got {tensor.dtype} on {tensor.device}");
        var memory = tensor.bytes;
        bytes = memory.Length;
        fixed (byte* first = memory)
            at = (nint)first;
    }

    public unsafe Span<byte> Bytes => new((void*)at, bytes);

    public unsafe Span<float> Floats => new((void*)at, bytes / sizeof(float));
}
