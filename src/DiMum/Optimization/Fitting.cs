using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Optimization;

/// <summary>Weights that a loop moves, with the optimiser that moves them.</summary>
internal sealed record Fitted(ParameterVector Parameters, Adam Adam);

/// <summary>
/// The loop of networks that are trained to measure or to encode, never unlearned: classifiers, autoencoder, text encoder. Draws hang on (seed, step)
/// alone, so the state between steps is weights, moments and what a loss counts.
/// </summary>
internal static class Fitting
{
    private const int WarmupShare = 20; // of the steps, 5 %

    /// <summary>The rate of all of them: warms up over 5 % of the steps and falls by half a cosine.</summary>
    public static LearningRate Course(double rate, int iterations) => new(rate, RateDecay.Cosine, Math.Max(1, iterations / WarmupShare));

    /// <summary>Steps; every tensor of a step dies with it.</summary>
    /// <param name="fitted">Of which gradients are cleared before each step.</param>
    /// <param name="iterations">Steps.</param>
    /// <param name="loss">The scalar loss of a step, from 0.</param>
    /// <param name="apply">Moves the weights by the gradient.</param>
    /// <param name="onStep">Sees (steps done, loss).</param>
    /// <param name="cancel">Stops between steps.</param>
    /// <param name="checkpoint">Where it goes on from and what it leaves for that; null starts over.</param>
    public static void Run(
        IReadOnlyList<Fitted> fitted,
        int iterations,
        Func<int, Tensor> loss,
        Action<int> apply,
        Action<int, double>? onStep,
        CancellationToken cancel,
        FittingCheckpoint? checkpoint = null
    )
    {
        for (var step = checkpoint?.Restore(fitted) ?? 0; step < iterations; step++)
        {
            if (cancel.IsCancellationRequested)
                checkpoint?.Save(fitted, step);
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            foreach (var f in fitted)
                f.Parameters.ZeroGradient();
            var value = loss(step);
            value.backward();
            apply(step);
            onStep?.Invoke(step + 1, value.detach().item<float>());
            if (checkpoint is not null && (step + 1) % checkpoint.Every == 0)
                checkpoint.Save(fitted, step + 1);
        }
    }
}
