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

    // d = ∂L/∂z of one channel into the scratch; returns Σd and Σd·x̂.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (double Sum, double Product) Slopes(
        ref byte from,
        ref byte above,
        ref byte kept,
        int pixels,
        (float Mean, float Scale, float Weight, float Bias) c
    )
    {
        var (scale, shift) = (Vector512.Create(c.Scale), Vector512.Create(-c.Mean * c.Scale));
        var (w, b, one) = (Vector512.Create(c.Weight), Vector512.Create(c.Bias), Vector512<float>.One);
        var (sum, product) = (Vector512<float>.Zero, Vector512<float>.Zero);
        for (var i = 0; i < pixels; i += Lanes.Count)
        {
            var whole = i <= pixels - Lanes.Count;
            ref var x = ref Unsafe.Add(ref from, i * TIn.Size);
            ref var u = ref Unsafe.Add(ref above, i * TOut.Size);
            var centred = Vector512.FusedMultiplyAdd(whole ? TIn.Load(ref x) : Lanes.LoadSome<TIn>(ref x, pixels - i), scale, shift);
            var z = Vector512.FusedMultiplyAdd(centred, w, b);
            var s = Lanes.Sigmoid(z);
            var d = (whole ? TOut.Load(ref u) : Lanes.LoadSome<TOut>(ref u, pixels - i)) * s * Vector512.FusedMultiplyAdd(z, one - s, one);
            sum += d;
            product = Vector512.FusedMultiplyAdd(d, centred, product);
            if (whole)
                Single32.Store(d, ref Unsafe.Add(ref kept, i * sizeof(float)));
            else
                Lanes.StoreSome<Single32>(d, ref Unsafe.Add(ref kept, i * sizeof(float)), pixels - i);
        }

        return (Vector512.Sum(sum), Vector512.Sum(product));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
        for (var i = 0; i < pixels; i += Lanes.Count)
        {
            var whole = i <= pixels - Lanes.Count;
            ref var x = ref Unsafe.Add(ref from, i * TIn.Size);
            var value = whole ? TIn.Load(ref x) : Lanes.LoadSome<TIn>(ref x, pixels - i);
            var d = Single32.Load(ref Unsafe.Add(ref kept, i * sizeof(float))); // the scratch has 16 to spare
            var slope = Vector512.FusedMultiplyAdd(d, a, Vector512.FusedMultiplyAdd(value, p, q));
            if (whole)
                TIn.Store(slope, ref Unsafe.Add(ref to, i * TIn.Size));
            else
                Lanes.StoreSome<TIn>(slope, ref Unsafe.Add(ref to, i * TIn.Size), pixels - i);
        }
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
