using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion;

/// <summary>
/// The variance schedule β_t and what follows from it: α_t = 1 − β_t, ᾱ_t = ∏_{s≤t} α_s, t = 0…T−1 (0-based; the paper counts from 1).
/// Computed and kept in float64; tensors of it are rounded once, where they are used.
/// </summary>
public sealed class NoiseSchedule
{
    private readonly double[] beta;
    private readonly double[] alphaBar;
    private bool single;

    private NoiseSchedule(string name, double[] beta)
    {
        if (beta.Length == 0 || beta.Any(b => !(b >= 0 && b <= 1)))
            throw new ArgumentException($"schedule '{name}': every β must lie in [0, 1] and there must be at least one");
        Name = name;
        this.beta = beta;
        alphaBar = new double[beta.Length];
        var product = 1.0;
        for (var t = 0; t < beta.Length; t++)
            alphaBar[t] = product *= 1 - beta[t];
    }

    public string Name { get; }

    /// <summary>T, the number of diffusion steps.</summary>
    public int Steps => beta.Length;

    /// <summary>β_t.</summary>
    public ReadOnlySpan<double> Beta => beta;

    /// <summary>ᾱ_t; <see cref="AlphaBarAt"/> also takes t = −1, the clean image.</summary>
    public ReadOnlySpan<double> AlphaBar => alphaBar;

    /// <summary>A value that follows from the tables, in their precision.</summary>
    internal double Rounded(double value) => single ? (float)value : value;

    /// <summary>ᾱ_t, with ᾱ_{−1} = 1.</summary>
    public double AlphaBarAt(int t) => t < 0 ? 1 : alphaBar[t];

    /// <summary>Linear β from <paramref name="start"/> to <paramref name="end"/> (DDPM: 1e-4…2e-2 at T = 1000).</summary>
    public static NoiseSchedule Linear(int steps = 1000, double start = 1e-4, double end = 2e-2) =>
        new($"linear({steps}, {start:g}, {end:g})", Ramp(steps, start, end));

    /// <summary>β linear in its square root (Stable Diffusion: 0.00085…0.012 at T = 1000).</summary>
    public static NoiseSchedule ScaledLinear(int steps = 1000, double start = 0.00085, double end = 0.012) =>
        new(
            $"scaled-linear({steps}, {start:g}, {end:g})",
            Array.ConvertAll(Ramp(steps, Math.Sqrt(start), Math.Sqrt(end)), root => root * root)
        );

    /// <summary>ᾱ_t = f(t+1)/f(0), f(u) = cos²((u/T + s)/(1 + s) · π/2), β ≤ 0.999 (Nichol and Dhariwal 2021, Eq. 17).</summary>
    public static NoiseSchedule Cosine(int steps = 1000, double offset = 0.008, double maxBeta = 0.999)
    {
        double F(double u) => Math.Pow(Math.Cos((u / steps + offset) / (1 + offset) * Math.PI / 2), 2);
        return new(
            $"cosine({steps}, {offset:g})",
            Enumerable.Range(0, steps).Select(t => Math.Min(1 - F(t + 1) / F(t), maxBeta)).ToArray()
        );
    }

    /// <summary>β_t = <paramref name="value"/> at every t («const» of the released code).</summary>
    public static NoiseSchedule Constant(int steps = 1000, double value = 2e-2) =>
        new($"constant({steps}, {value:g})", Ramp(steps, value, value));

    /// <summary>β_t = 1/(T − t), so that ᾱ_t falls in a straight line to 0 («jsd» of the released code).</summary>
    public static NoiseSchedule Jsd(int steps = 1000) => new($"jsd({steps})", Array.ConvertAll(Ramp(steps, steps, 1), b => 1 / b));

    /// <summary>β along a sigmoid over −6…6 from <paramref name="start"/> to <paramref name="end"/> («sigmoid» of the released code).</summary>
    public static NoiseSchedule Sigmoid(int steps = 1000, double start = 1e-4, double end = 2e-2) =>
        new($"sigmoid({steps}, {start:g}, {end:g})", Array.ConvertAll(Ramp(steps, -6, 6), x => start + (end - start) / (1 + Math.Exp(-x))));

    /// <summary>A schedule of given β, for tests and for schedules this class does not name.</summary>
    public static NoiseSchedule Of(string name, params double[] beta) => new(name, [.. beta]);

    /// <summary>
    /// The same schedule with β, 1 − β and ᾱ each rounded to float32, as diffusers and the released code keep them: for agreement with numbers
    /// that depend on it (near t = 0, 1 − ᾱ_t/ᾱ_s keeps three to four digits).
    /// </summary>
    public NoiseSchedule InSinglePrecision()
    {
        var rounded = new NoiseSchedule(Name + " in float32", Array.ConvertAll(beta, b => (double)(float)b)) { single = true };
        var product = 1.0;
        for (var t = 0; t < beta.Length; t++)
            rounded.alphaBar[t] = (float)(product *= 1f - (float)beta[t]);
        return rounded;
    }

    /// <summary>The schedules by name, as experiments write them.</summary>
    public static readonly IReadOnlyDictionary<string, Func<int, NoiseSchedule>> Named = new Dictionary<string, Func<int, NoiseSchedule>>
    {
        ["linear"] = steps => Linear(steps),
        ["cosine"] = steps => Cosine(steps),
        ["scaled-linear"] = steps => ScaledLinear(steps),
    };

    /// <summary>ᾱ_t for a batch of t (int64 [B]), shaped [B,1,1,1] to scale images.</summary>
    public Tensor AlphaBarOf(Tensor t, ScalarType dtype = ScalarType.Float32)
    {
        using var scope = NewDisposeScope();
        var table = tensor(alphaBar, dtype: ScalarType.Float64, device: t.device); // [T]
        return table.index_select(0, t).to(dtype).view(-1, 1, 1, 1).MoveToOuterDisposeScope();
    }

    private static double[] Ramp(int steps, double start, double end) =>
        [.. Enumerable.Range(0, steps).Select(i => steps == 1 ? start : start + (end - start) * i / (steps - 1))];
}
