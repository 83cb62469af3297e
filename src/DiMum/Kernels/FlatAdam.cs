using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Kernels;

/// <summary>What one optimiser step needs besides the vectors.</summary>
/// <param name="Factor">Multiplies the gradient first: the clipping factor, 1 for none.</param>
/// <param name="Rest1">1 − β₁, rounded once.</param>
/// <param name="Rest2">1 − β₂, rounded once.</param>
/// <param name="StepSize">lr/(1−β₁ᵏ).</param>
/// <param name="RootCorrection">√(1−β₂ᵏ).</param>
/// <param name="AverageRate">μ of the moving average.</param>
internal readonly record struct FlatAdamStep(
    float Factor,
    float Beta1,
    float Rest1,
    float Beta2,
    float Rest2,
    float Epsilon,
    float StepSize,
    float RootCorrection,
    double AverageRate
);

/// <summary>Clipping, Adam and the moving average in one pass over float32 vectors on CPU.</summary>
internal static class FlatAdam
{
    private const int Piece = 1 << 18;

    /// <summary>Whether the kernel takes a vector.</summary>
    public static bool Takes(Tensor flat) =>
        NormSilu.Enabled
        && flat.device_type == DeviceType.CPU
        && flat.dtype == ScalarType.Float32
        && flat.numel() is > 0 and < int.MaxValue / sizeof(float);

    /// <summary>g ← Factor·g, m, v, θ, and shadow where there is one, each [n] and changed in place.</summary>
    public static void Step(Tensor theta, Tensor gradient, Tensor first, Tensor second, Tensor? shadow, FlatAdamStep step)
    {
        var (t, g, m, v) = (Of(theta), Of(gradient), Of(first), Of(second));
        var s = shadow is null ? default : Of(shadow);
        var n = t.Floats.Length;
        if (g.Floats.Length != n || m.Floats.Length != n || v.Floats.Length != n || (shadow is not null && s.Floats.Length != n))
            throw new ArgumentException($"an optimiser step's vectors must all have θ's length {n}");
        Threads.Each(
            (n + Piece - 1) / Piece,
            Piece,
            piece =>
            {
                var (from, count) = (piece * Piece, Math.Min(Piece, n - piece * Piece));
                Run(
                    t.Floats.Slice(from, count),
                    g.Floats.Slice(from, count),
                    m.Floats.Slice(from, count),
                    v.Floats.Slice(from, count),
                    shadow is null ? [] : s.Floats.Slice(from, count),
                    step
                );
            }
        );
    }

    private static Raw Of(Tensor tensor) => new(tensor, ScalarType.Float32);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run(Span<float> theta, Span<float> g, Span<float> m, Span<float> v, Span<float> shadow, FlatAdamStep step)
    {
        var i = 0;
        for (; i <= theta.Length - Lanes.Count; i += Lanes.Count)
            Sixteen(ref theta[i], ref g[i], ref m[i], ref v[i], ref (shadow.IsEmpty ? ref Unsafe.NullRef<float>() : ref shadow[i]), step);
        if (i == theta.Length)
            return;
        var rest = theta.Length - i;
        Span<float> room = stackalloc float[5 * Lanes.Count];
        room.Clear();
        theta[i..].CopyTo(room);
        g[i..].CopyTo(room[16..]);
        m[i..].CopyTo(room[32..]);
        v[i..].CopyTo(room[48..]);
        if (!shadow.IsEmpty)
            shadow[i..].CopyTo(room[64..]);
        Sixteen(ref room[0], ref room[16], ref room[32], ref room[48], ref room[64], step);
        room[..rest].CopyTo(theta[i..]);
        room.Slice(16, rest).CopyTo(g[i..]);
        room.Slice(32, rest).CopyTo(m[i..]);
        room.Slice(48, rest).CopyTo(v[i..]);
        if (!shadow.IsEmpty)
            room.Slice(64, rest).CopyTo(shadow[i..]);
    }

    // The operations of the torch composite; m, which it fuses, has its bits, v and θ may differ from it in the last one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sixteen(ref float theta, ref float g, ref float m, ref float v, ref float shadow, FlatAdamStep c)
    {
        var gradient = Vector512.LoadUnsafe(ref g);
        if (c.Factor != 1)
        {
            gradient *= Vector512.Create(c.Factor);
            gradient.StoreUnsafe(ref g);
        }

        var moment = Vector512.FusedMultiplyAdd(
            gradient,
            Vector512.Create(c.Rest1),
            Vector512.LoadUnsafe(ref m) * Vector512.Create(c.Beta1)
        );
        moment.StoreUnsafe(ref m);
        var square = Vector512.LoadUnsafe(ref v) * Vector512.Create(c.Beta2) + Vector512.Create(c.Rest2) * gradient * gradient;
        square.StoreUnsafe(ref v);
        var root = Vector512.Sqrt(square) / Vector512.Create(c.RootCorrection) + Vector512.Create(c.Epsilon);
        var moved = Vector512.LoadUnsafe(ref theta) - Vector512.Create(c.StepSize) * moment / root;
        moved.StoreUnsafe(ref theta);
        if (Unsafe.IsNullRef(ref shadow))
            return;
        var kept = Vector512.LoadUnsafe(ref shadow) * Vector512.Create((float)c.AverageRate);
        (kept + moved * Vector512.Create((float)(1 - c.AverageRate))).StoreUnsafe(ref shadow);
    }
}
