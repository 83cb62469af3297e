namespace DiMum.Data.MiniCanvas;

/// <summary>
/// Draws of one image: SplitMix64 (Steele, Lea and Flood 2014) from a hash of seed and index. Integer arithmetic alone, so every platform draws the
/// same.
/// </summary>
internal sealed class CanvasRandom(ulong state)
{
    private ulong state = state;

    /// <summary>The draws of image <paramref name="index"/> under <paramref name="seed"/>.</summary>
    public static CanvasRandom Of(long seed, long index) => new(Mixed(Mixed((ulong)seed) ^ (ulong)index));

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public double Unit()
    {
        state += 0x9E3779B97F4A7C15;
        return Fraction(Mixed(state));
    }

    /// <summary>Uniform in [<paramref name="low"/>, <paramref name="high"/>).</summary>
    public double Between(double low, double high) => low + (high - low) * Unit();

    /// <summary>Uniform in 0…<paramref name="count"/>−1.</summary>
    public int Below(int count) => (int)(Unit() * count);

    /// <summary>A whole number that names a grain of <see cref="At"/> and <see cref="Smooth"/>.</summary>
    public int Grain() => Below(1 << 24);

    /// <summary>Noise of a lattice point, in [0, 1): the same wherever it is asked for.</summary>
    public static double At(int grain, int i, int j) =>
        Fraction(Mixed(((ulong)(uint)grain << 32) ^ Mixed(((ulong)(uint)i << 32) | (uint)j)));

    /// <summary>Smooth noise in [0, 1]: lattice values of distance 1 between which a smoothstep runs.</summary>
    public static double Smooth(int grain, double x, double y)
    {
        var (i, j) = ((int)Math.Floor(x), (int)Math.Floor(y));
        double u = Ramp(x - i),
            v = Ramp(y - j);
        var top = At(grain, i, j) * (1 - u) + At(grain, i + 1, j) * u;
        var bottom = At(grain, i, j + 1) * (1 - u) + At(grain, i + 1, j + 1) * u;
        return top * (1 - v) + bottom * v;
    }

    /// <summary>3t² − 2t³ of t clamped to [0, 1].</summary>
    public static double Ramp(double t)
    {
        t = Math.Clamp(t, 0, 1);
        return t * t * (3 - 2 * t);
    }

    private static double Fraction(ulong bits) => (bits >> 11) * (1.0 / (1UL << 53));

    private static ulong Mixed(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
