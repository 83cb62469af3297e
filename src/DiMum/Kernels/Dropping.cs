using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Kernels;

/// <summary>
/// Which elements a dropout keeps, as a function of a key and an element's index in the order B, C, H, W: nothing is drawn in sequence or stored, and
/// the backward pass asks again. The hash is two multiplications and three shifts («lowbias32»), its low bias measured by its author over all 2³² inputs.
/// </summary>
/// <param name="Share">p, how many are dropped; kept ones are multiplied by 1/(1−p).</param>
/// <param name="Key">Of this dropout at this step.</param>
internal readonly record struct Dropping(double Share, uint Key)
{
    private const int Piece = 1 << 14; // elements that one thread fills at once

    public float Scale => (float)(1 / (1 - Share));

    private uint Threshold => (uint)Math.Min(uint.MaxValue, Math.Round(Share * 4294967296.0));

    /// <summary>0 or 1/(1−p) of 16 elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Factors(Vector512<uint> index)
    {
        var x = index * 0x9E3779B9u + Vector512.Create(Key);
        x ^= x >> 16;
        x *= 0x7feb352du;
        x ^= x >> 15;
        x *= 0x846ca68bu;
        x ^= x >> 16;
        return Vector512.ConditionalSelect(
            Vector512.GreaterThanOrEqual(x, Vector512.Create(Threshold)).AsSingle(),
            Vector512.Create(Scale),
            Vector512<float>.Zero
        );
    }

    /// <summary>The factors of all elements as a tensor of float32, contiguous.</summary>
    public Tensor Of(long[] shape)
    {
        var factors = empty(shape, ScalarType.Float32);
        var raw = new Raw(factors, ScalarType.Float32);
        var (drop, all) = (this, raw.Floats.Length);
        Threads.Each((all + Piece - 1) / Piece, Piece, piece => drop.Fill(raw.Floats, piece * Piece, Math.Min(all, (piece + 1) * Piece)));
        return factors;
    }

    private void Fill(Span<float> factors, int from, int to)
    {
        var i = from;
        for (; i + Lanes.Count <= to; i += Lanes.Count)
            Factors(Vector512<uint>.Indices + Vector512.Create((uint)i)).StoreUnsafe(ref factors[i]);
        for (; i < to; i++)
            factors[i] = Hash((uint)i * 0x9E3779B9u + Key) >= Threshold ? Scale : 0;
    }

    private static uint Hash(uint x)
    {
        x ^= x >> 16;
        x *= 0x7feb352du;
        x ^= x >> 15;
        x *= 0x846ca68bu;
        return x ^ (x >> 16);
    }
}
