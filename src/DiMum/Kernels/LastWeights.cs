using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Kernels;

/// <summary>
/// A convolution's weights [O,I,kh,kw] as the copy that a channels-last convolution reads, [O,kh,kw,I] in memory and in its precision: made once a forward
/// pass in one go, where libtorch would convert, and then permute again in forward and backward. The gradient comes back likewise.
/// </summary>
internal static class LastWeights
{
    /// <summary>Whether the weights are float32 on CPU with 16 dividing I and a kernel above 1×1, which has but one layout.</summary>
    public static bool Takes(Tensor weight) =>
        NormSilu.Takes(weight)
        && weight.dtype == ScalarType.Float32
        && weight.dim() == 4
        && weight.shape[1] % Lanes.Count == 0
        && weight.shape[2] * weight.shape[3] > 1
        && weight.is_contiguous();

    /// <summary>The copy, shape [O,I,kh,kw]; differentiable once.</summary>
    /// <param name="weight">float32.</param>
    /// <param name="type">float32 or bfloat16.</param>
    public static Tensor Of(Tensor weight, ScalarType type)
    {
        if (!Takes(weight) || type is not (ScalarType.Float32 or ScalarType.BFloat16))
            throw new ArgumentException($"no channels-last copy in {type} of {weight.dtype} weights [{string.Join(',', weight.shape)}]");
        return is_grad_enabled() && weight.requires_grad ? Node.apply(weight, type) : Forward(weight, type);
    }

    private static Tensor Forward(Tensor weight, ScalarType type)
    {
        var n = weight.shape;
        var copy = empty_strided(n, [n[2] * n[3] * n[1], 1, n[3] * n[1], n[1]], type);
        using var rows = copy.permute(0, 2, 3, 1);
        var (from, to) = (new Raw(weight, ScalarType.Float32), new Raw(rows, type));
        var (channels, taps) = ((int)n[1], (int)(n[2] * n[3]));
        Action<int> work =
            type == ScalarType.Float32
                ? o => Interleave<Single32>(from.Floats.Slice(o * channels * taps, channels * taps), Row(to, o, channels * taps, 4), taps)
                : o => Interleave<BFloat16>(from.Floats.Slice(o * channels * taps, channels * taps), Row(to, o, channels * taps, 2), taps);
        Threads.Each((int)n[0], channels * taps, work);
        return copy;
    }

    private static Tensor Backward(Tensor slope)
    {
        var n = slope.shape;
        var result = empty(n, ScalarType.Float32);
        using var rows = slope.permute(0, 2, 3, 1).contiguous();
        var (from, to) = (new Raw(rows, slope.dtype), new Raw(result, ScalarType.Float32));
        var (channels, taps) = ((int)n[1], (int)(n[2] * n[3]));
        Action<int> work =
            slope.dtype == ScalarType.Float32
                ? o => Separate<Single32>(Row(from, o, channels * taps, 4), to.Floats.Slice(o * channels * taps, channels * taps), taps)
                : o => Separate<BFloat16>(Row(from, o, channels * taps, 2), to.Floats.Slice(o * channels * taps, channels * taps), taps);
        Threads.Each((int)n[0], channels * taps, work);
        return result;
    }

    private static Span<byte> Row(Raw of, int o, int elements, int size) => of.Bytes.Slice(o * elements * size, elements * size);

    // [I,taps] to [taps,I].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Interleave<T>(ReadOnlySpan<float> from, Span<byte> to, int taps)
        where T : struct, IElement
    {
        var channels = from.Length / taps;
        Span<float> lanes = stackalloc float[Lanes.Count];
        for (var tap = 0; tap < taps; tap++)
        for (var c = 0; c < channels; c += Lanes.Count)
        {
            for (var i = 0; i < lanes.Length; i++)
                lanes[i] = from[(c + i) * taps + tap];
            T.Store(
                Vector512.LoadUnsafe(ref lanes[0]),
                ref MemoryMarshal.GetReference(to.Slice((tap * channels + c) * T.Size, Lanes.Count * T.Size))
            );
        }
    }

    // [taps,I] to [I,taps].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Separate<T>(ReadOnlySpan<byte> from, Span<float> to, int taps)
        where T : struct, IElement
    {
        var channels = to.Length / taps;
        Span<float> lanes = stackalloc float[Lanes.Count];
        for (var tap = 0; tap < taps; tap++)
        for (var c = 0; c < channels; c += Lanes.Count)
        {
            T.Load(ref MemoryMarshal.GetReference(from.Slice((tap * channels + c) * T.Size, Lanes.Count * T.Size)))
                .StoreUnsafe(ref lanes[0]);
            for (var i = 0; i < lanes.Length; i++)
                to[(c + i) * taps + tap] = lanes[i];
        }
    }

    /// <summary>The copy as a node of autograd's graph.</summary>
    private sealed class Node : autograd.SingleTensorFunction<Node>
    {
        public override string Name => nameof(LastWeights);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars) => Forward((Tensor)vars[0], (ScalarType)vars[1]);

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) => [Backward(grad_output), null!];
    }
}
