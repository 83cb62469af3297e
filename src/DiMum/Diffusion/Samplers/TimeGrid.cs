namespace DiMum.Diffusion.Samplers;

/// <summary>Which of the T times S steps visit (Lin et al. 2023, table 2).</summary>
public enum TimeSpacing
{
    /// <summary>S points from 0 to T − 1, both included.</summary>
    Linspace,

    /// <summary>Every ⌊T/S⌋-th from the offset.</summary>
    Leading,

    /// <summary>Every T/S-th back from T − 1.</summary>
    Trailing,
}

/// <summary>Times as diffusers places them, rounded half to even, in descending order.</summary>
public static class TimeGrid
{
    /// <summary>S times of DDIM, DDPM and PNDM.</summary>
    public static int[] Descending(TimeSpacing spacing, int total, int steps, int offset = 0)
    {
        if (steps < 1 || steps > total)
            throw new UserError($"sampler: steps must lie in 1…{total}, got {steps}");
        return spacing switch
        {
            TimeSpacing.Linspace => [.. Linspace(total, steps).Select(Round)],
            TimeSpacing.Leading => [.. Enumerable.Range(0, steps).Reverse().Select(i => i * (total / steps) + offset)],
            _ => Trailing(total, steps),
        };
    }

    /// <summary>S times of the solvers in λ, which place S + 1 and leave out the last.</summary>
    public static int[] WithoutLast(TimeSpacing spacing, int total, int steps, int offset = 0)
    {
        if (steps < 1 || steps >= total)
            throw new UserError($"sampler: steps must lie in 1…{total - 1}, got {steps}");
        return spacing == TimeSpacing.Trailing ? Trailing(total, steps) : Descending(spacing, total, steps + 1, offset)[..^1];
    }

    /// <summary>S points from T − 1 down to 0, not rounded.</summary>
    public static double[] Linspace(int total, int steps) =>
        [.. Enumerable.Range(0, steps).Reverse().Select(i => steps == 1 ? 0 : i * ((total - 1.0) / (steps - 1)))];

    private static int[] Trailing(int total, int steps)
    {
        // S of them, where diffusers has one more, −1, if T/(T/S) is rounded to above S (T = 1000, S = 61).
        var gap = (double)total / steps;
        return [.. Enumerable.Range(0, steps).Select(i => Round(total - i * gap) - 1)];
    }

    private static int Round(double t) => (int)Math.Round(t, MidpointRounding.ToEven);
}
