using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DiMum.Kernels;

/// <summary>How a tensor's elements become lanes of 16 float32 and back.</summary>
internal interface IElement
{
    /// <summary>Bytes of an element.</summary>
    static abstract int Size { get; }

    static abstract Vector512<float> Load(ref byte at);

    static abstract void Store(Vector512<float> value, ref byte at);
}

/// <summary>float32 as it is.</summary>
internal readonly struct Single32 : IElement
{
    public static int Size => sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(ref byte at) => Vector512.LoadUnsafe(ref at).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, ref byte at) => value.AsByte().StoreUnsafe(ref at);
}

/// <summary>bfloat16: the upper half of a float32, rounded to nearest even; NaN stays NaN.</summary>
internal readonly struct BFloat16 : IElement
{
    public static int Size => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(ref byte at)
    {
        var half = Vector256.LoadUnsafe(ref at).AsUInt16();
        var wide = Avx512F.IsSupported
            ? Avx512F.ConvertToVector512UInt32(half)
            : Vector512.Create(Vector256.WidenLower(half), Vector256.WidenUpper(half));
        return (wide << 16).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, ref byte at)
    {
        var bits = value.AsUInt32();
        var rounded = (bits + Vector512.Create(0x7fffu) + ((bits >> 16) & Vector512<uint>.One)) >> 16;
        rounded = Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), rounded, Vector512.Create(0x7fc0u));
        var half = Avx512F.IsSupported
            ? Avx512F.ConvertToVector256UInt16(rounded)
            : Vector256.Narrow(rounded.GetLower(), rounded.GetUpper());
        half.AsByte().StoreUnsafe(ref at);
    }
}

/// <summary>Sixteen lanes: ends of rows that 16 does not divide, and exp.</summary>
internal static class Lanes
{
    public const int Count = 16;

    /// <summary>The first <paramref name="valid"/> of 16 elements, the others 0.</summary>
    public static Vector512<float> LoadSome<T>(ref byte at, int valid)
        where T : struct, IElement
    {
        Span<byte> room = stackalloc byte[Count * sizeof(float)];
        room.Clear();
        MemoryMarshal.CreateSpan(ref at, valid * T.Size).CopyTo(room);
        return T.Load(ref MemoryMarshal.GetReference(room));
    }

    /// <summary>Writes the first <paramref name="valid"/> of 16 elements.</summary>
    public static void StoreSome<T>(Vector512<float> value, ref byte at, int valid)
        where T : struct, IElement
    {
        Span<byte> room = stackalloc byte[Count * sizeof(float)];
        T.Store(value, ref MemoryMarshal.GetReference(room));
        room[..(valid * T.Size)].CopyTo(MemoryMarshal.CreateSpan(ref at, valid * T.Size));
    }

    /// <summary>1 in the first <paramref name="valid"/> lanes, 0 in the others.</summary>
    public static Vector512<float> Mask(int valid) =>
        Vector512.ConditionalSelect(
            Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(valid)).AsSingle(),
            Vector512<float>.One,
            Vector512<float>.Zero
        );

    /// <summary>eˣ to about 1 ulp for x in −87…88, where it is clamped: x = n·ln 2 + r, |r| ≤ ½ ln 2, a polynomial in r (Cephes <c>expf</c>), and n into the exponent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        x = Vector512.Min(Vector512.Max(x, Vector512.Create(-87f)), Vector512.Create(88f));
        var n = Vector512.Round(x * Vector512.Create(1.44269504f));
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-0.693359375f), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(2.12194440e-4f), r);
        var p = Vector512.FusedMultiplyAdd(Vector512.Create(1.9875691500e-4f), r, Vector512.Create(1.3981999507e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(8.3334519073e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(4.1665795894e-2f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.6666665459e-1f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(0.5f));
        p = Vector512.FusedMultiplyAdd(p, r * r, r + Vector512<float>.One);
        var scale = (Vector512.ConvertToInt32Native(n) + Vector512.Create(127)) << 23;
        return p * scale.AsSingle();
    }

    /// <summary>1/(1+e⁻ˣ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x) => Vector512<float>.One / (Vector512<float>.One + Exp(-x));
}
