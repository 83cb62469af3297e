using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Profiling;

/// <summary>What a device does at best in one precision, measured: the rates that everything else is held against.</summary>
/// <param name="Product">FLOP/s of a product of two matrices of 1,024 × 1,024.</param>
/// <param name="Convolution">FLOP/s of a 3×3 convolution, forward and backward: the best of <see cref="Shapes"/>.</param>
/// <param name="ConvolutionShape">Which of them it was.</param>
/// <param name="Memory">Bytes a second read and written by a copy: the best of sizes from cache to main memory.</param>
/// <param name="MemorySize">Bytes of the copied block that it was.</param>
public sealed record Ceilings(double Product, double Convolution, string ConvolutionShape, double Memory, long MemorySize)
{
    /// <summary>B, C and H = W of the convolutions tried: of the sizes that the networks here have. Each in both layouts.</summary>
    public static IReadOnlyList<(int Batch, int Channels, int Side)> Shapes { get; } =
    [(32, 32, 8), (64, 64, 16), (16, 128, 32), (64, 256, 8)];

    private const int Side = 1024;

    /// <summary>Measures, in a few seconds on two cores.</summary>
    public static Ceilings Measure(Device device, Precision precision)
    {
        using var scope = NewDisposeScope();
        var type = precision == Precision.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
        var clock = new Clock(device);
        var (convolution, shape) = Shapes
            .SelectMany(s => new[] { false, true }, (s, last) => Convolve(clock, device, type, s, last))
            .MaxBy(found => found.Rate);
        var (memory, size) = new[] { 1L << 20, 1L << 24, 1L << 28 }.Select(bytes => Copy(clock, device, bytes)).MaxBy(found => found.Rate);
        return new(Multiply(clock, device, type), convolution, shape, memory, size);
    }

    /// <summary>The rate that bounds arithmetic of a kind.</summary>
    internal double Rate(WorkKind kind) => kind == WorkKind.Convolution ? Convolution : Product;

    private static double Multiply(Clock clock, Device device, ScalarType type)
    {
        using var none = no_grad();
        var a = ones([Side, Side], type, device);
        return 2.0 * Side * Side * Side / clock.Least(8, () => a.matmul(a).Dispose());
    }

    private static (double Rate, string Shape) Convolve(
        Clock clock,
        Device device,
        ScalarType type,
        (int Batch, int Channels, int Side) s,
        bool channelsLast
    )
    {
        using var scope = NewDisposeScope();
        var x = ones([s.Batch, s.Channels, s.Side, s.Side], type, device);
        if (channelsLast)
            x = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        x = x.detach().requires_grad_();
        var weight = ones([s.Channels, s.Channels, 3, 3], type, device).requires_grad_();
        var slope = ones_like(x);
        var seconds = clock.Least(
            4,
            () =>
            {
                using var inside = NewDisposeScope();
                autograd.grad([functional.conv2d(x, weight, padding: [1, 1])], [x, weight], [slope]);
            }
        );
        var flops = 3 * Work.Conv(s.Channels, 3).FlopsAnElement * x.numel();
        return (flops / seconds, $"B{s.Batch} C{s.Channels} {s.Side}×{s.Side}{(channelsLast ? " channels last" : "")}");
    }

    private static (double Rate, long Size) Copy(Clock clock, Device device, long bytes)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        var from = ones(bytes / sizeof(float), ScalarType.Float32, device);
        var to = empty_like(from);
        var times = (int)Math.Clamp((1L << 28) / bytes, 3, 64);
        return (2.0 * bytes / clock.Least(times, () => to.copy_(from)), bytes);
    }
}
