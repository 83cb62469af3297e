using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace DiMum.Kernels;

/// <summary>What the norm does besides normalising.</summary>
/// <param name="Silu">Whether SiLU follows.</param>
/// <param name="Drop">The dropout that follows that; its share is 0 for none.</param>
internal readonly record struct NormAfter(bool Silu, Dropping Drop)
{
    public bool Drops => Drop.Share > 0;
}

/// <summary>
/// GN(x + e), SiLU and dropout over one image whose channels lie next to each other, [P,C] with 16 dividing C, e one number a channel or absent; and the
/// gradients. Sixteen channels are sixteen lanes. Formulas as in <see cref="NormSiluKernel{TIn,TOut}"/>; sums over pixels are float32 a channel,
/// their sums over a group's channels float64.
/// </summary>
internal static class NormLastKernel<TIn, TOut>
    where TIn : struct, IElement
    where TOut : struct, IElement
{
    /// <summary>y of image number <paramref name="image"/>, and (μ, 1/σ) of its groups into <paramref name="moments"/> [B,G,2].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward(
        in NormShape shape,
        int image,
        NormAfter after,
        ReadOnlySpan<byte> x,
        ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias,
        ReadOnlySpan<float> shift,
        Span<byte> y,
        Span<float> moments
    )
    {
        var (c, all) = (shape.Channels, shape.Channels * shape.Pixels);
        ref var from = ref MemoryMarshal.GetReference(x.Slice(image * all * TIn.Size, all * TIn.Size));
        ref var to = ref MemoryMarshal.GetReference(y.Slice(image * all * TOut.Size, all * TOut.Size));
        Span<float> sums = stackalloc float[3 * c];
        var first = sums[..c];
        var a = sums.Slice(c, c);
        var b = sums.Slice(2 * c, c);
        var own = moments.Slice(2 * image * shape.Groups, 2 * shape.Groups);
        var moved = shift.IsEmpty ? shift : shift.Slice(image * c, c);
        a.Clear();
        Sums(ref from, shape, a, first, squared: false);
        for (var g = 0; g < shape.Groups; g++)
        {
            var sum = 0.0;
            for (var k = g * shape.ChannelsOfGroup; k < (g + 1) * shape.ChannelsOfGroup; k++)
                sum += first[k] + (moved.IsEmpty ? 0 : (double)shape.Pixels * moved[k]);
            own[2 * g] = (float)(sum / shape.Elements);
            for (var k = g * shape.ChannelsOfGroup; k < (g + 1) * shape.ChannelsOfGroup; k++)
                a[k] = own[2 * g] - (moved.IsEmpty ? 0 : moved[k]);
        }

        Sums(ref from, shape, a, first, squared: true);
        for (var g = 0; g < shape.Groups; g++)
        {
            var sum = 0.0;
            for (var k = g * shape.ChannelsOfGroup; k < (g + 1) * shape.ChannelsOfGroup; k++)
                sum += first[k];
            own[2 * g + 1] = (float)(1 / Math.Sqrt(sum / shape.Elements + shape.Epsilon));
            for (var k = g * shape.ChannelsOfGroup; k < (g + 1) * shape.ChannelsOfGroup; k++)
            {
                var centre = a[k];
                a[k] = own[2 * g + 1] * weight[k];
                b[k] = bias[k] - centre * a[k];
            }
        }

        for (var block = 0; block < c; block += Lanes.Count)
        {
            var (slope, offset) = (Vector512.LoadUnsafe(ref a[block]), Vector512.LoadUnsafe(ref b[block]));
            var index = First(shape, image, block);
            ref var source = ref Unsafe.Add(ref from, block * TIn.Size);
            ref var target = ref Unsafe.Add(ref to, block * TOut.Size);
            for (var p = 0; p < shape.Pixels; p++)
            {
                var z = Vector512.FusedMultiplyAdd(TIn.Load(ref Unsafe.Add(ref source, (nint)p * c * TIn.Size)), slope, offset);
                if (after.Silu)
                    z *= Lanes.Sigmoid(z);
                if (after.Drops)
                    z *= after.Drop.Factors(index + Vector512.Create((uint)p));
                TOut.Store(z, ref Unsafe.Add(ref target, (nint)p * c * TOut.Size));
            }
        }
    }

    /// <summary>∂L/∂x of an image, and its shares of ∂L/∂w, ∂L/∂b and ∂L/∂e in <paramref name="slopes"/> [B,3,C].</summary>
    /// <param name="scratch">[P,C].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward(
        in NormShape shape,
        int image,
        NormAfter after,
        ReadOnlySpan<byte> x,
        ReadOnlySpan<byte> upstream,
        ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias,
        ReadOnlySpan<float> shift,
        ReadOnlySpan<float> moments,
        Span<byte> slope,
        Span<float> slopes,
        Span<float> scratch
    )
    {
        var (c, all) = (shape.Channels, shape.Channels * shape.Pixels);
        ref var from = ref MemoryMarshal.GetReference(x.Slice(image * all * TIn.Size, all * TIn.Size));
        ref var above = ref MemoryMarshal.GetReference(upstream.Slice(image * all * TOut.Size, all * TOut.Size));
        ref var to = ref MemoryMarshal.GetReference(slope.Slice(image * all * TIn.Size, all * TIn.Size));
        ref var kept = ref MemoryMarshal.GetReference(scratch[..all]);
        var mine = slopes.Slice(3 * image * c, 3 * c);
        Span<float> room = stackalloc float[5 * c];
        var scale = room[..c];
        var offset = room.Slice(c, c);
        var a = room.Slice(2 * c, c);
        var p = room.Slice(3 * c, c);
        var q = room.Slice(4 * c, c);
        for (var k = 0; k < c; k++)
        {
            var at = 2 * (image * shape.Groups + k / shape.ChannelsOfGroup);
            scale[k] = moments[at + 1];
            offset[k] = -(moments[at] - (shift.IsEmpty ? 0 : shift[image * c + k])) * scale[k];
        }

        for (var block = 0; block < c; block += Lanes.Count)
        {
            var (s, o) = (Vector512.LoadUnsafe(ref scale[block]), Vector512.LoadUnsafe(ref offset[block]));
            var (w, b) = (Vector512.LoadUnsafe(in weight[block]), Vector512.LoadUnsafe(in bias[block]));
            var (sum, product, normal, one) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.One);
            var index = First(shape, image, block);
            for (var i = 0; i < shape.Pixels; i++)
            {
                var at = (nint)i * c + block;
                var centred = Vector512.FusedMultiplyAdd(TIn.Load(ref Unsafe.Add(ref from, at * TIn.Size)), s, o);
                var d = TOut.Load(ref Unsafe.Add(ref above, at * TOut.Size));
                if (after.Drops)
                    d *= after.Drop.Factors(index + Vector512.Create((uint)i));
                if (after.Silu)
                {
                    var z = Vector512.FusedMultiplyAdd(centred, w, b);
                    var sigmoid = Lanes.Sigmoid(z);
                    d = d * sigmoid * Vector512.FusedMultiplyAdd(z, one - sigmoid, one);
                }

                sum += d;
                product = Vector512.FusedMultiplyAdd(d, centred, product);
                normal += centred;
                d.StoreUnsafe(ref Unsafe.Add(ref kept, at));
            }

            product.StoreUnsafe(ref mine[block]);
            sum.StoreUnsafe(ref mine[c + block]);
            normal.StoreUnsafe(ref mine[2 * c + block]);
        }

        for (var g = 0; g < shape.Groups; g++)
        {
            var (sum, product) = (0.0, 0.0); // of d·w and d·w·x̂
            var (start, end) = (g * shape.ChannelsOfGroup, (g + 1) * shape.ChannelsOfGroup);
            for (var k = start; k < end; k++)
                (sum, product) = (sum + (double)mine[c + k] * weight[k], product + (double)mine[k] * weight[k]);
            var (centre, pull) = ((float)(sum / shape.Elements), (float)(product / shape.Elements));
            for (var k = start; k < end; k++)
            {
                // (d·w − centre − x̂·pull)·scale with x̂ = x·scale + offset
                (a[k], p[k], q[k]) = (weight[k] * scale[k], -pull * scale[k] * scale[k], -(centre + offset[k] * pull) * scale[k]);
                mine[2 * c + k] = scale[k] * (weight[k] * mine[c + k] - shape.Pixels * centre - pull * mine[2 * c + k]);
            }
        }

        for (var block = 0; block < c; block += Lanes.Count)
        {
            var (va, vp, vq) = (Vector512.LoadUnsafe(ref a[block]), Vector512.LoadUnsafe(ref p[block]), Vector512.LoadUnsafe(ref q[block]));
            for (var i = 0; i < shape.Pixels; i++)
            {
                var at = (nint)i * c + block;
                var value = TIn.Load(ref Unsafe.Add(ref from, at * TIn.Size));
                var d = Vector512.LoadUnsafe(ref Unsafe.Add(ref kept, at));
                TIn.Store(
                    Vector512.FusedMultiplyAdd(d, va, Vector512.FusedMultiplyAdd(value, vp, vq)),
                    ref Unsafe.Add(ref to, at * TIn.Size)
                );
            }
        }
    }

    // Indices in the order B, C, H, W of the first pixel of 16 channels.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> First(in NormShape shape, int image, int block) =>
        Vector512<uint>.Indices * (uint)shape.Pixels + Vector512.Create((uint)(image * shape.Channels + block) * (uint)shape.Pixels);

    // Σ(x−c) over the pixels of every channel, or Σ(x−c)².
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sums(ref byte from, in NormShape shape, ReadOnlySpan<float> centres, Span<float> sums, bool squared)
    {
        nint row = shape.Channels * TIn.Size;
        for (var block = 0; block < shape.Channels; block += Lanes.Count)
        {
            var centre = Vector512.LoadUnsafe(in centres[block]);
            var (even, odd) = (Vector512<float>.Zero, Vector512<float>.Zero);
            ref var at = ref Unsafe.Add(ref from, block * TIn.Size);
            var p = 0;
            for (; p + 1 < shape.Pixels; p += 2)
            {
                var a = TIn.Load(ref Unsafe.Add(ref at, p * row)) - centre;
                var b = TIn.Load(ref Unsafe.Add(ref at, (p + 1) * row)) - centre;
                even = squared ? Vector512.FusedMultiplyAdd(a, a, even) : even + a;
                odd = squared ? Vector512.FusedMultiplyAdd(b, b, odd) : odd + b;
            }

            if (p < shape.Pixels)
            {
                var a = TIn.Load(ref Unsafe.Add(ref at, p * row)) - centre;
                even = squared ? Vector512.FusedMultiplyAdd(a, a, even) : even + a;
            }

            (even + odd).StoreUnsafe(ref sums[block]);
        }
    }
}
