using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace DiMum.Kernels;

/// <summary>Shape of one group normalisation: N groups in all, each of K channels of S contiguous pixels.</summary>
internal readonly record struct NormShape(int Batch, int Channels, int Groups, int Pixels, float Epsilon)
{
    public int ChannelsOfGroup => Channels / Groups;
    public int All => Batch * Groups;
    public int Elements => ChannelsOfGroup * Pixels;
}

/// <summary>
/// SiLU(GN(x)) over one group and its gradient, in two passes over memory that fits the cache. z = (x−μ)/σ·w + b, y = z·s(z), s the logistic function;
/// ∂y/∂z = s·(1 + z·(1−s)). Nothing but μ and 1/σ is kept from forward to backward: z is made again. Sums are float32 in 16 lanes, their end float64.
/// </summary>
internal static class NormSiluKernel<TIn, TOut>
    where TIn : struct, IElement
    where TOut : struct, IElement
{
    /// <summary>y of group number <paramref name="group"/>, and its (μ, 1/σ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward(
        in NormShape shape,
        int group,
        ReadOnlySpan<byte> x,
        ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias,
        Span<byte> y,
        Span<float> moments
    )
    {
        var start = (nint)group * shape.Elements;
        ref var from = ref Unsafe.Add(ref MemoryMarshal.GetReference(x), start * TIn.Size);
        ref var to = ref Unsafe.Add(ref MemoryMarshal.GetReference(y), start * TOut.Size);
        var mean = (float)(Sum(ref from, shape.Elements, 0, squared: false) / shape.Elements);
        var variance = Sum(ref from, shape.Elements, mean, squared: true) / shape.Elements;
        var scale = (float)(1 / Math.Sqrt(variance + shape.Epsilon));
        (moments[2 * group], moments[2 * group + 1]) = (mean, scale);
        var first = group % shape.Groups * shape.ChannelsOfGroup;
        for (var k = 0; k < shape.ChannelsOfGroup; k++)
        {
            var a = Vector512.Create(scale * weight[first + k]);
            var b = Vector512.Create(bias[first + k] - mean * scale * weight[first + k]);
            ref var row = ref Unsafe.Add(ref from, (nint)k * shape.Pixels * TIn.Size);
            ref var into = ref Unsafe.Add(ref to, (nint)k * shape.Pixels * TOut.Size);
            var i = 0;
            for (; i <= shape.Pixels - Lanes.Count; i += Lanes.Count)
            {
                var z = Vector512.FusedMultiplyAdd(TIn.Load(ref Unsafe.Add(ref row, i * TIn.Size)), a, b);
                TOut.Store(z * Lanes.Sigmoid(z), ref Unsafe.Add(ref into, i * TOut.Size));
            }

            if (i < shape.Pixels)
            {
                var z = Vector512.FusedMultiplyAdd(Lanes.LoadSome<TIn>(ref Unsafe.Add(ref row, i * TIn.Size), shape.Pixels - i), a, b);
                Lanes.StoreSome<TOut>(z * Lanes.Sigmoid(z), ref Unsafe.Add(ref into, i * TOut.Size), shape.Pixels - i);
            }
        }
    }

    /// <summary>
    /// ∂L/∂x of a group, and its share of ∂L/∂w and ∂L/∂b in <paramref name="slopes"/> [B,C,2]: with d = ∂L/∂z and x̂ = (x−μ)/σ,
    /// ∂L/∂x = (d·w − mean(d·w) − x̂·mean(d·w·x̂))/σ.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward(
        in NormShape shape,
        int group,
        ReadOnlySpan<byte> x,
        ReadOnlySpan<byte> upstream,
        ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias,
        ReadOnlySpan<float> moments,
        Span<byte> slope,
        Span<float> slopes,
        Span<float> scratch
    )
    {
        var start = (nint)group * shape.Elements;
        ref var from = ref Unsafe.Add(ref MemoryMarshal.GetReference(x), start * TIn.Size);
        ref var above = ref Unsafe.Add(ref MemoryMarshal.GetReference(upstream), start * TOut.Size);
        ref var to = ref Unsafe.Add(ref MemoryMarshal.GetReference(slope), start * TIn.Size);
        ref var kept = ref Unsafe.As<float, byte>(ref MemoryMarshal.GetReference(scratch[..(shape.Elements + Lanes.Count)]));
        var (mean, scale) = (moments[2 * group], moments[2 * group + 1]);
        var first = group % shape.Groups * shape.ChannelsOfGroup;
        var into = slopes.Slice(2 * (group / shape.Groups * shape.Channels + first), 2 * shape.ChannelsOfGroup);
        var (sum, product) = (0.0, 0.0); // of d·w and d·w·x̂
        for (var k = 0; k < shape.ChannelsOfGroup; k++)
        {
            var (w, at) = (weight[first + k], (nint)k * shape.Pixels);
            var (d, dx) = Slopes(
                ref Unsafe.Add(ref from, at * TIn.Size),
                ref Unsafe.Add(ref above, at * TOut.Size),
                ref Unsafe.Add(ref kept, at * sizeof(float)),
                shape.Pixels,
                (mean, scale, w, bias[first + k])
            );
            (into[2 * k], into[2 * k + 1]) = ((float)dx, (float)d);
            (sum, product) = (sum + d * w, product + dx * w);
        }

        var centre = (float)(sum / shape.Elements);
        var pull = (float)(product / shape.Elements);
        for (var k = 0; k < shape.ChannelsOfGroup; k++)
        {
            var at = (nint)k * shape.Pixels;
            Finish(
                ref Unsafe.Add(ref from, at * TIn.Size),
                ref Unsafe.Add(ref kept, at * sizeof(float)),
                ref Unsafe.Add(ref to, at * TIn.Size),
                shape.Pixels,
                (mean, scale, weight[first + k], centre, pull)
            );
        }
    }

    // Below, loops over whole vectors hold no call, and what a call at their end needs is handed over: a value that must outlive a call lives in memory,
    // which made the backward pass two to three times as slow.

    // d = ∂L/∂z of one channel into the scratch; returns Σd and Σd·x̂.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (double Sum, double Product) Slopes(
        ref byte from,
        ref byte above,
        ref byte kept,
        int pixels,
        (float Mean, float Scale, float Weight, float Bias) c
    )
    {
        var (scale, shift) = (Vector512.Create(c.Scale), Vector512.Create(-c.Mean * c.Scale));
        var (w, b) = (Vector512.Create(c.Weight), Vector512.Create(c.Bias));
        var (sum, product) = (Vector512<float>.Zero, Vector512<float>.Zero);
        var i = 0;
        for (; i <= pixels - Lanes.Count; i += Lanes.Count)
        {
            var centred = Vector512.FusedMultiplyAdd(TIn.Load(ref Unsafe.Add(ref from, i * TIn.Size)), scale, shift);
            var d = Slope(TOut.Load(ref Unsafe.Add(ref above, i * TOut.Size)), Vector512.FusedMultiplyAdd(centred, w, b));
            sum += d;
            product = Vector512.FusedMultiplyAdd(d, centred, product);
            Single32.Store(d, ref Unsafe.Add(ref kept, i * sizeof(float)));
        }

        if (i == pixels)
            return (Vector512.Sum(sum), Vector512.Sum(product));
        return SlopesOfRest(
            ref Unsafe.Add(ref from, i * TIn.Size),
            ref Unsafe.Add(ref above, i * TOut.Size),
            ref Unsafe.Add(ref kept, i * sizeof(float)),
            pixels - i,
            c,
            (sum, product)
        );
    }

    private static (double Sum, double Product) SlopesOfRest(
        ref byte from,
        ref byte above,
        ref byte kept,
        int valid,
        (float Mean, float Scale, float Weight, float Bias) c,
        (Vector512<float> D, Vector512<float> Product) sums
    )
    {
        var (scale, shift) = (Vector512.Create(c.Scale), Vector512.Create(-c.Mean * c.Scale));
        var centred = Vector512.FusedMultiplyAdd(Lanes.LoadSome<TIn>(ref from, valid), scale, shift);
        var z = Vector512.FusedMultiplyAdd(centred, Vector512.Create(c.Weight), Vector512.Create(c.Bias));
        var d = Slope(Lanes.LoadSome<TOut>(ref above, valid), z);
        Lanes.StoreSome<Single32>(d, ref kept, valid);
        return (Vector512.Sum(sums.D + d), Vector512.Sum(Vector512.FusedMultiplyAdd(d, centred, sums.Product)));
    }

    // ∂L/∂z from ∂L/∂y
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Slope(Vector512<float> upstream, Vector512<float> z)
    {
        var s = Lanes.Sigmoid(z);
        return upstream * s * Vector512.FusedMultiplyAdd(z, Vector512<float>.One - s, Vector512<float>.One);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(
        ref byte from,
        ref byte kept,
        ref byte to,
        int pixels,
        (float Mean, float Scale, float Weight, float Centre, float Pull) c
    )
    {
        // (d·w − centre − x̂·pull)·scale = d·(w·scale) − x·(pull·scale²) + (mean·pull·scale² − centre·scale)
        var a = Vector512.Create(c.Weight * c.Scale);
        var p = Vector512.Create(-c.Pull * c.Scale * c.Scale);
        var q = Vector512.Create(c.Mean * c.Pull * c.Scale * c.Scale - c.Centre * c.Scale);
        var i = 0;
        for (; i <= pixels - Lanes.Count; i += Lanes.Count)
        {
            var d = Single32.Load(ref Unsafe.Add(ref kept, i * sizeof(float)));
            var value = TIn.Load(ref Unsafe.Add(ref from, i * TIn.Size));
            TIn.Store(Vector512.FusedMultiplyAdd(d, a, Vector512.FusedMultiplyAdd(value, p, q)), ref Unsafe.Add(ref to, i * TIn.Size));
        }

        if (i == pixels)
            return;
        var last = Single32.Load(ref Unsafe.Add(ref kept, i * sizeof(float))); // the scratch has 16 to spare
        var rest = Lanes.LoadSome<TIn>(ref Unsafe.Add(ref from, i * TIn.Size), pixels - i);
        last = Vector512.FusedMultiplyAdd(last, a, Vector512.FusedMultiplyAdd(rest, p, q));
        Lanes.StoreSome<TIn>(last, ref Unsafe.Add(ref to, i * TIn.Size), pixels - i);
    }

    // Σ(x−c), or Σ(x−c)².
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Sum(ref byte from, int count, float c, bool squared)
    {
        var centre = Vector512.Create(c);
        var (even, odd) = (Vector512<float>.Zero, Vector512<float>.Zero);
        var i = 0;
        for (; i <= count - 2 * Lanes.Count; i += 2 * Lanes.Count)
        {
            var a = TIn.Load(ref Unsafe.Add(ref from, i * TIn.Size)) - centre;
            var b = TIn.Load(ref Unsafe.Add(ref from, (i + Lanes.Count) * TIn.Size)) - centre;
            even = squared ? Vector512.FusedMultiplyAdd(a, a, even) : even + a;
            odd = squared ? Vector512.FusedMultiplyAdd(b, b, odd) : odd + b;
        }

        for (; i < count; i += Lanes.Count)
        {
            var valid = Math.Min(Lanes.Count, count - i);
            var a = (Lanes.LoadSome<TIn>(ref Unsafe.Add(ref from, i * TIn.Size), valid) - centre) * Lanes.Mask(valid);
            even = squared ? Vector512.FusedMultiplyAdd(a, a, even) : even + a;
        }

        return Vector512.Sum(even + odd);
    }
}
