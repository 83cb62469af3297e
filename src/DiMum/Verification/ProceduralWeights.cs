using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification;

/// <summary>
/// The rule's weights of the Stable Diffusion part: gain/√fan-in·s with 2 or more dimensions, 1 + 0.1·s for norm scales and running variances,
/// 0 for counters, else 0.1·s. Written straight into the network's memory, several sines at a time: a network of 860 million takes seconds.
/// </summary>
public static partial class ProceduralRule
{
    /// <summary>Fills all parameters.</summary>
    /// <param name="parameters">The network's.</param>
    /// <param name="gain">Factor of weights with 2 or more dimensions.</param>
    /// <param name="nameOf">The name that the rule hashes.</param>
    public static void Fill(ParameterVector parameters, double gain, Func<Parameter, string> nameOf)
    {
        using var none = no_grad();
        var direct = parameters.Values.dtype == ScalarType.Float32 && parameters.Values.device_type == DeviceType.CPU;
        foreach (var p in parameters.Entries)
        {
            using var scope = NewDisposeScope();
            var place = parameters.Slice(parameters.Values, p.Name);
            var values = direct ? place : empty(p.Shape, ScalarType.Float32);
            Fill(values, nameOf(p), gain);
            if (!direct)
                place.copy_(values);
        }
    }

    /// <summary>Fills one contiguous float32 tensor on CPU.</summary>
    public static unsafe void Fill(Tensor values, string name, double gain)
    {
        var (offset, scale) = Affine(name, values.shape, gain);
        var (hash, count) = (Hash(name), values.numel());
        fixed (byte* first = values.bytes)
        {
            var address = (nint)first;
            Parallel.For(
                0,
                (count + Chunk - 1) / Chunk,
                k => Sines((float*)address, k * Chunk, Math.Min(count, (k + 1) * Chunk), hash, offset, scale)
            );
        }
    }

    // The value is offset + scale·s.
    private static (double Offset, double Scale) Affine(string name, long[] shape, double gain)
    {
        var last = name[(name.LastIndexOf('.') + 1)..];
        if (last == "num_batches_tracked")
            return (0, 0);
        if (shape.Length >= 2)
            return (0, gain / Math.Sqrt(Product(shape) / shape[0]));
        return (last is "weight" or "running_var" ? 1 : 0, 0.1);
    }

    // Compiled at once: it runs for seconds in few calls, and the first tier is many times slower.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Sines(float* values, long from, long to, uint hash, double offset, double scale)
    {
        var steps = Vector256.Create(1u, 2, 3, 4, 5, 6, 7, 8);
        var (shift, factor) = (Vector256.Create(offset), Vector256.Create(scale));
        var i = from;
        for (; i + 8 <= to; i += 8)
        {
            var z = (Vector256.Create((uint)i) + steps) * 2654435769u + Vector256.Create(hash);
            z ^= z >>> 16;
            z *= 0x7FEB352Du;
            z ^= z >>> 15;
            z *= 0x846CA68Bu;
            z ^= z >>> 16;
            var quarter = (z + Vector256.Create(1u << 29)) >>> 30;
            var (lowQuarter, highQuarter) = Vector256.Widen(quarter);
            var (lowRest, highRest) = Vector256.Widen((z - (quarter << 30)).AsInt32());
            var low = shift + SineOfTurn(lowQuarter, lowRest) * factor;
            var high = shift + SineOfTurn(highQuarter, highRest) * factor;
            Vector256.Narrow(low, high).Store(values + i);
        }

        for (; i < to; i++)
            values[i] = (float)(offset + scale * Sine(hash, i));
    }

    // sin(2π·(quarter/4 + rest/2³²)), |rest| ≤ 2²⁹: Taylor series of sine and cosine up to x¹⁵ and x¹⁶ on |x| ≤ π/4, error below 1e-16.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> SineOfTurn(Vector256<ulong> quarter, Vector256<long> rest)
    {
        var x = Vector256.ConvertToDouble(rest) * (2.0 * Math.PI / 4294967296.0);
        var y = x * x;
        var sine = Vector256.Create(-1 / 1307674368000.0);
        sine = sine * y + Vector256.Create(1 / 6227020800.0);
        sine = sine * y - Vector256.Create(1 / 39916800.0);
        sine = sine * y + Vector256.Create(1 / 362880.0);
        sine = sine * y - Vector256.Create(1 / 5040.0);
        sine = sine * y + Vector256.Create(1 / 120.0);
        sine = sine * y - Vector256.Create(1 / 6.0);
        sine = sine * y * x + x;
        var cosine = Vector256.Create(1 / 20922789888000.0);
        cosine = cosine * y - Vector256.Create(1 / 87178291200.0);
        cosine = cosine * y + Vector256.Create(1 / 479001600.0);
        cosine = cosine * y - Vector256.Create(1 / 3628800.0);
        cosine = cosine * y + Vector256.Create(1 / 40320.0);
        cosine = cosine * y - Vector256.Create(1 / 720.0);
        cosine = cosine * y + Vector256.Create(1 / 24.0);
        cosine = cosine * y - Vector256.Create(0.5);
        cosine = cosine * y + Vector256.Create(1.0);
        var odd = Vector256.Equals(quarter & Vector256.Create(1ul), Vector256.Create(1ul)).AsDouble();
        var sign = ((quarter & Vector256.Create(2ul)) << 62).AsDouble();
        return Vector256.ConditionalSelect(odd, cosine, sine) ^ sign;
    }
}
