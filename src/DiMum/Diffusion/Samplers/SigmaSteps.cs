namespace DiMum.Diffusion.Samplers;

/// <summary>How noise levels are spaced.</summary>
public enum SigmaSpacing
{
    /// <summary>As the times are.</summary>
    Times,

    /// <summary>Evenly in σ^(1/7) (Karras et al. 2022, Eq. 5).</summary>
    Karras,

    /// <summary>Evenly in log σ (Lu et al. 2022).</summary>
    LogUniform,
}

/// <summary>Times and noise levels σ = √((1−ᾱ)/ᾱ) of solvers that work on x/√ᾱ; one level more than times, the last being where it ends.</summary>
public sealed class SigmaSteps
{
    private const double Rho = 7;

    private SigmaSteps(double[] times, double[] sigmas, double startDeviation) =>
        (Times, Sigmas, StartDeviation) = (times, sigmas, startDeviation);

    /// <summary>t of each step.</summary>
    public IReadOnlyList<double> Times { get; }

    /// <summary>σ before each step, and after the last.</summary>
    public IReadOnlyList<double> Sigmas { get; }

    /// <summary>Deviation of the start noise on x/√ᾱ.</summary>
    public double StartDeviation { get; }

    /// <summary>As diffusers' Euler, Heun and LMS: real times, levels interpolated between the schedule's.</summary>
    public static SigmaSteps Real(
        NoiseSchedule schedule,
        int steps,
        TimeSpacing spacing = TimeSpacing.Linspace,
        int offset = 0,
        SigmaSpacing sigmaSpacing = SigmaSpacing.Times,
        bool endsAtZero = true
    )
    {
        var table = Table(schedule);
        double[] times =
            spacing == TimeSpacing.Linspace
                ? TimeGrid.Linspace(schedule.Steps, steps)
                : [.. TimeGrid.Descending(spacing, schedule.Steps, steps, offset).Select(t => (double)t)];
        var sigmas = times.Select(t => At(table, t)).ToArray();
        if (sigmaSpacing != SigmaSpacing.Times)
        {
            sigmas = Spaced(sigmaSpacing, sigmas[0], sigmas[^1], steps);
            times = [.. sigmas.Select(s => TimeOf(s, table))];
        }

        var largest = sigmas.Max();
        return new(
            times,
            [.. sigmas, endsAtZero ? 0 : table[0]],
            spacing == TimeSpacing.Leading ? Math.Sqrt(largest * largest + 1) : largest
        );
    }

    /// <summary>As diffusers' DPM-Solver and UniPC: integer times, and spaced levels over the schedule's whole range.</summary>
    public static SigmaSteps Integer(
        NoiseSchedule schedule,
        int steps,
        TimeSpacing spacing = TimeSpacing.Linspace,
        int offset = 0,
        SigmaSpacing sigmaSpacing = SigmaSpacing.Times,
        bool endsAtZero = true
    )
    {
        var table = Table(schedule);
        double[] times = [.. TimeGrid.WithoutLast(spacing, schedule.Steps, steps, offset).Select(t => (double)t)];
        var sigmas = times.Select(t => At(table, t)).ToArray();
        if (sigmaSpacing != SigmaSpacing.Times)
        {
            sigmas = Spaced(sigmaSpacing, table[^1], table[0], steps);
            times = [.. sigmas.Select(s => Math.Round(TimeOf(s, table), MidpointRounding.ToEven))];
        }

        return new(times, [.. sigmas, endsAtZero ? 0 : table[0]], 1);
    }

    /// <summary>Steps visited in another order or more than once: places in times, and in levels.</summary>
    internal SigmaSteps Repeated(IEnumerable<int> times, IEnumerable<int> sigmas) =>
        new([.. times.Select(i => Times[i])], [.. sigmas.Select(i => Sigmas[i])], StartDeviation);

    private static double[] Table(NoiseSchedule schedule) => Array.ConvertAll(schedule.AlphaBar.ToArray(), a => Math.Sqrt((1 - a) / a));

    private static double At(double[] table, double t)
    {
        var low = Math.Clamp((int)Math.Floor(t), 0, table.Length - 1);
        var high = Math.Min(low + 1, table.Length - 1);
        return table[low] + (t - low) * (table[high] - table[low]);
    }

    // The time whose level is σ, interpolated in log σ.
    private static double TimeOf(double sigma, double[] table)
    {
        var wanted = Math.Log(Math.Max(sigma, 1e-10));
        var low = 0;
        while (low < table.Length - 2 && Math.Log(table[low + 1]) <= wanted)
            low++;
        var (below, above) = (Math.Log(table[low]), Math.Log(table[low + 1]));
        return low + Math.Clamp((below - wanted) / (below - above), 0, 1);
    }

    private static double[] Spaced(SigmaSpacing spacing, double largest, double smallest, int steps)
    {
        var karras = spacing == SigmaSpacing.Karras;
        double To(double sigma) => karras ? Math.Pow(sigma, 1 / Rho) : Math.Log(sigma);
        double From(double y) => karras ? Math.Pow(y, Rho) : Math.Exp(y);
        var (first, last) = (To(largest), To(smallest));
        return [.. Enumerable.Range(0, steps).Select(i => From(first + (steps == 1 ? 0 : (double)i / (steps - 1)) * (last - first)))];
    }
}
