using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion.Samplers;

/// <summary>ε̂(x_t, t): the (guided) noise prediction a sampler follows; t is one number for the whole batch.</summary>
public delegate Tensor GuidedNoise(Tensor x, int t);

/// <summary>z ~ N(0, I) of the given shape; the caller decides where it comes from.</summary>
public delegate Tensor NoiseSource(ReadOnlySpan<long> shape);

/// <summary>σ_t² of the reverse step (Eq. 3).</summary>
public enum ReverseVariance
{
    /// <summary>β̃_t = (1−ᾱ_{t−1})/(1−ᾱ_t)·β_t, the posterior's.</summary>
    Small,

    /// <summary>β_t.</summary>
    Large,
}

/// <summary>Which of the T times a sampler visits.</summary>
public enum TimeSkip
{
    /// <summary>Every ⌊T/S⌋-th from 0, all below T: more than S where S does not divide T (T = 1000, S = 7 visits 8), as released.</summary>
    Uniform,

    /// <summary>⌊(k/(S−1))²·0.8·T⌋, k = 0…S−1: denser near the clean image, and 0.8·T at most.</summary>
    Quadratic,
}

/// <summary>A way from x_T to x₀ (Eq. 3 and its relatives): a pure function of the start, the noise source and ε̂.</summary>
public abstract record Sampler
{
    /// <summary>S, how many of the T times are visited; see <see cref="TimeSkip.Uniform"/> where S does not divide T.</summary>
    public required int Steps { get; init; }

    /// <summary>How the visited times are spaced.</summary>
    public TimeSkip Skip { get; init; }

    /// <summary>Whether x̂₀ is clamped to [−1, 1] at every step. The released samplers do not.</summary>
    public bool ClipClean { get; init; }

    /// <summary>One step from time <paramref name="from"/> to <paramref name="to"/> (−1 is the clean image).</summary>
    protected abstract Tensor Step(NoiseSchedule schedule, Tensor x, Tensor epsilon, int from, int to, NoiseSource noise);

    /// <summary>x₀ from x_T, [B,C,H,W]; <paramref name="onStep"/> sees (time reached, x) after every step and must not keep x.</summary>
    public Tensor Run(NoiseSchedule schedule, Tensor start, GuidedNoise guided, NoiseSource noise, Action<int, Tensor>? onStep = null) =>
        Between(schedule, start, guided, noise, Times(schedule.Steps).Count - 1, 0, onStep);

    /// <summary>
    /// Part of the way: the steps that leave the visited times number <paramref name="first"/>, first−1, … <paramref name="last"/>, ascending
    /// numbers from 0; with last = first+1 none, and x is <paramref name="start"/>.
    /// </summary>
    public Tensor Between(
        NoiseSchedule schedule,
        Tensor start,
        GuidedNoise guided,
        NoiseSource noise,
        int first,
        int last,
        Action<int, Tensor>? onStep = null
    )
    {
        var times = Times(schedule.Steps);
        var x = start.alias();
        for (var k = first; k >= last; k--)
        {
            using var scope = NewDisposeScope();
            var to = k == 0 ? -1 : times[k - 1];
            var next = Step(schedule, x, guided(x, times[k]), times[k], to, noise).MoveToOuterDisposeScope();
            x.Dispose();
            x = next;
            onStep?.Invoke(to, x);
        }

        return x;
    }

    /// <summary>The visited times, ascending: skips «uniform» and «quad» of ermongroup/ddim.</summary>
    public virtual IReadOnlyList<int> Times(int total)
    {
        if (Steps < 1 || Steps > total)
            throw new UserError($"sampler: steps must lie in 1…{total}, got {Steps}");
        if (Skip == TimeSkip.Uniform)
        {
            var skip = total / Steps;
            return [.. Enumerable.Range(0, (total - 1) / skip + 1).Select(i => i * skip)];
        }

        var last = Math.Sqrt(0.8 * total);
        double Root(int i) => i == Steps - 1 ? last : i * (last / (Steps - 1));
        return [.. Enumerable.Range(0, Steps).Select(i => (int)(Root(i) * Root(i)))];
    }

    /// <summary>What differs from uniform and unclipped, for names.</summary>
    protected string Options => (Skip == TimeSkip.Quadratic ? " quad" : "") + (ClipClean ? " x̂₀ clipped" : "");

    /// <summary>x̂₀ = (x_t − √(1−ᾱ_t)·ε̂)/√ᾱ_t, clamped where <see cref="ClipClean"/> says so.</summary>
    protected internal Tensor PredictClean(Tensor x, Tensor epsilon, double alphaBar)
    {
        var clean = (x - Math.Sqrt(1 - alphaBar) * epsilon) / Math.Sqrt(alphaBar);
        return ClipClean ? clean.clamp_(-1, 1) : clean;
    }
}

/// <summary>
/// DDIM (Song et al. 2020, Eqs. 12 and 16): x_s = √ᾱ_s·x̂₀ + √(1−ᾱ_s−σ²)·ε̂ + σ·z, σ = η·√((1−ᾱ_s)/(1−ᾱ_t)·(1−ᾱ_t/ᾱ_s)).
/// η = 0 is deterministic; η = 1 at every step is ancestral sampling with the small variance. As in the released sampler, ε̂ stays as
/// predicted when x̂₀ is clipped.
/// </summary>
public sealed record Ddim : Sampler
{
    /// <summary>η ≥ 0.</summary>
    public double Eta { get; init; }

    protected override Tensor Step(NoiseSchedule schedule, Tensor x, Tensor epsilon, int from, int to, NoiseSource noise)
    {
        var (now, next) = (schedule.AlphaBarAt(from), schedule.AlphaBarAt(to));
        var clean = PredictClean(x, epsilon, now);
        var sigma = Eta * Math.Sqrt((1 - now / next) * (1 - next) / (1 - now));
        var step = Math.Sqrt(next) * clean + Math.Sqrt(Math.Max(0, 1 - next - sigma * sigma)) * epsilon;
        return sigma > 0 ? step + sigma * noise(x.shape) : step;
    }

    public override string ToString() => FormattableString.Invariant($"DDIM-{Steps} η={Eta:g}{Options}");
}

/// <summary>
/// Ancestral sampling, Eq. (3), on the visited times: mean of q(x_s | x_t, x̂₀) plus σ_t·z, with α_t read as ᾱ_t/ᾱ_s when times are
/// skipped. No noise at the last step.
/// </summary>
public sealed record Ancestral : Sampler
{
    /// <summary>σ_t².</summary>
    public ReverseVariance Variance { get; init; } = ReverseVariance.Small;

    protected override Tensor Step(NoiseSchedule schedule, Tensor x, Tensor epsilon, int from, int to, NoiseSource noise)
    {
        var (now, next) = (schedule.AlphaBarAt(from), schedule.AlphaBarAt(to));
        var alpha = now / next;
        var beta = 1 - alpha;
        var clean = PredictClean(x, epsilon, now);
        var mean = Math.Sqrt(next) * beta / (1 - now) * clean + Math.Sqrt(alpha) * (1 - next) / (1 - now) * x;
        if (to < 0)
            return mean;
        return mean + Math.Sqrt(StepVariance(schedule, from, to)) * noise(x.shape);
    }

    /// <summary>σ² of the step between two times: β = 1 − ᾱ_from/ᾱ_to, or β̃ = (1−ᾱ_to)/(1−ᾱ_from)·β.</summary>
    public double StepVariance(NoiseSchedule schedule, int from, int to)
    {
        var (now, next) = (schedule.AlphaBarAt(from), schedule.AlphaBarAt(to));
        var beta = 1 - now / next;
        return Variance == ReverseVariance.Large ? beta : (1 - next) / (1 - now) * beta;
    }

    public override string ToString() => FormattableString.Invariant($"DDPM-{Steps} σ²={Variance.ToString().ToLowerInvariant()}{Options}");
}
