using System.Text;

namespace DiMum.Verification;

/// <summary>
/// Values by rule instead of stored weights: element i of the tensor NAME is made of u = mix((i+1)·2654435769 + FNV-1a-32(NAME))/2³² and
/// s = sin(2πu). Both sides of a comparison compute them, so golden files hold no weights. All in float64, rounded to float32 once.
/// </summary>
public static partial class ProceduralRule
{
    private const double Sqrt2 = 1.4142135623730951;
    private const int Chunk = 1 << 15;

    /// <summary>FNV-1a, 32 bit, of the name in UTF-8.</summary>
    public static uint Hash(string name)
    {
        var h = 2166136261u;
        foreach (var b in Encoding.UTF8.GetBytes(name))
            h = (h ^ b) * 16777619u;
        return h;
    }

    /// <summary>The mixed 32-bit value of element <paramref name="index"/> (from 0).</summary>
    public static uint Mix(uint hash, long index)
    {
        var z = (uint)(index + 1) * 2654435769u + hash;
        z ^= z >> 16;
        z *= 0x7FEB352D;
        z ^= z >> 15;
        z *= 0x846CA68B;
        return z ^ (z >> 16);
    }

    /// <summary>u in [0, 1).</summary>
    public static double Uniform(uint hash, long index) => Mix(hash, index) / 4294967296.0;

    /// <summary>s = sin(2πu).</summary>
    public static double Sine(uint hash, long index) => Math.Sin(2.0 * Math.PI * Uniform(hash, index));

    /// <summary>A weight: √2·s for class embeddings, s/√fan-in with 2 or more dimensions, 1 + 0.1·s for norm scales, else 0.1·s.</summary>
    public static float[] Parameter(string name, params long[] shape)
    {
        var count = Product(shape);
        if (name.EndsWith("classes_emb", StringComparison.Ordinal) || name.EndsWith("classes_emb.weight", StringComparison.Ordinal))
            return Sines(name, count, Sqrt2);
        if (shape.Length >= 2)
            return Sines(name, count, 1 / Math.Sqrt(count / shape[0]));
        return name.EndsWith(".weight", StringComparison.Ordinal) ? Scale(name, count) : Sines(name, count, 0.1);
    }

    /// <summary>1 + 0.1·s: norm scales and running variances.</summary>
    public static float[] Scale(string name, long count) => Fill(name, count, (h, i) => (float)(1 + 0.1 * Sine(h, i)));

    /// <summary>scale·s.</summary>
    public static float[] Input(string name, long count, double scale = 1) => Sines(name, count, scale);

    /// <summary>√2·s: mean 0, variance 1.</summary>
    public static float[] Noise(string name, long count) => Sines(name, count, Sqrt2);

    /// <summary>0.5 + 0.5·s: an image in [0, 1].</summary>
    public static float[] Image01(string name, long count) => Fill(name, count, (h, i) => (float)(0.5 + 0.5 * Sine(h, i)));

    /// <summary>low + ⌊u·(high − low)⌋.</summary>
    public static long[] Integers(string name, long count, long low, long high) =>
        Fill(name, count, (h, i) => low + (long)Math.Floor(Uniform(h, i) * (high - low)));

    /// <summary>u &lt; probability: which conditions are kept.</summary>
    public static bool[] Keep(string name, long count, double probability) => Fill(name, count, (h, i) => Uniform(h, i) < probability);

    /// <summary>The gradient mask of a parameter: 1 where u('mask.' + name) &lt; 0.5, else 0.</summary>
    public static float[] Mask(string parameter, long count) => Fill("mask." + parameter, count, (h, i) => Uniform(h, i) < 0.5 ? 1f : 0f);

    /// <summary>s('probe.' + name), float64: the direction in which a gradient or a change of a parameter is probed.</summary>
    public static double[] Probe(string parameter, long count) => Fill("probe." + parameter, count, Sine);

    private static float[] Sines(string name, long count, double scale) => Fill(name, count, (h, i) => (float)(Sine(h, i) * scale));

    private static T[] Fill<T>(string name, long count, Func<uint, long, T> element)
    {
        var hash = Hash(name);
        var values = new T[count];
        void Part(long from)
        {
            var to = Math.Min(count, from + Chunk);
            for (var i = from; i < to; i++)
                values[i] = element(hash, i);
        }

        if (count <= Chunk)
            Part(0);
        else
            Parallel.For(0, (count + Chunk - 1) / Chunk, k => Part(k * Chunk));
        return values;
    }

    private static long Product(long[] shape) => shape.Aggregate(1L, (product, n) => product * n);
}
