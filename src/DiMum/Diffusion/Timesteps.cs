using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion;

/// <summary>How the times t of a training batch are drawn.</summary>
public enum TimestepDraw
{
    /// <summary>t ~ U{0…T−1}, independently.</summary>
    Uniform,

    /// <summary>⌊B/2⌋+1 uniform draws completed by their mirror T−1−t and cut to B (ermongroup/ddim and all baselines that descend from it).</summary>
    Antithetic,
}

/// <summary>Draws of t.</summary>
public static class Timesteps
{
    /// <summary>t, int64 [B] in 0…T−1, from <paramref name="generator"/>.</summary>
    public static Tensor Draw(TimestepDraw draw, int batch, int steps, Generator generator)
    {
        if (draw == TimestepDraw.Uniform)
            return randint(0, steps, batch, ScalarType.Int64, generator: generator);
        using var scope = NewDisposeScope();
        var half = randint(0, steps, batch / 2 + 1, ScalarType.Int64, generator: generator);
        return Complete(half, batch, steps).MoveToOuterDisposeScope();
    }

    /// <summary>concat(t, T−1−t) cut to <paramref name="batch"/>.</summary>
    public static Tensor Complete(Tensor half, int batch, int steps)
    {
        using var scope = NewDisposeScope();
        return cat([half, steps - 1 - half]).narrow(0, 0, batch).MoveToOuterDisposeScope();
    }
}
