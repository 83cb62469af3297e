using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Optimization;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning;

/// <summary>How a loop optimises, whatever it is for: pre-training, unlearning and attacking differ in rule and numbers only.</summary>
/// <param name="Iterations">Outer iterations.</param>
/// <param name="Rate">lr and its course.</param>
/// <param name="EmaRate">μ of the moving average of θ; null keeps none.</param>
/// <param name="Adam">β₁, β₂, ε.</param>
public sealed record TrainerSettings(int Iterations, LearningRate Rate, double? EmaRate = null, AdamSettings? Adam = null)
{
    /// <summary>Which weights Adam's decoupled decay reaches, [n] of 0 and 1; null: all. Not owned.</summary>
    public Tensor? Decaying { get; init; }
}

/// <summary>What one outer iteration did.</summary>
/// <param name="Iteration">Iterations done so far.</param>
/// <param name="Updates">Optimiser steps done so far.</param>
/// <param name="Loss">The last update's loss.</param>
public readonly record struct Progress(int Iteration, long Updates, double Loss);

/// <summary>
/// The one training loop. Every tensor of a step dies with the step; dropout is seeded per step; nothing random outlives it, so the state is
/// (θ, m, v, shadow, counters).
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly ITrainableDenoiser model;
    private readonly IUpdateRule rule;
    private readonly TrainerSettings settings;
    private readonly Seed seed;
    private bool disposed;

    public Trainer(ITrainableDenoiser model, IUpdateRule rule, TrainerSettings settings, Seed seed)
    {
        (this.model, this.rule, this.settings, this.seed) = (model, rule, settings, seed);
        Adam = new Adam(model.Parameters, settings.Adam) { Decaying = settings.Decaying };
        Ema = settings.EmaRate is { } rate ? new Ema(model.Parameters, rate) : null;
    }

    public Adam Adam { get; }

    public Ema? Ema { get; }

    /// <summary>Outer iterations done.</summary>
    public int Iteration { get; set; }

    /// <summary>Optimiser steps done, those that a method takes back included.</summary>
    public long Updates { get; set; }

    public bool Finished => Iteration >= settings.Iterations;

    /// <summary>One outer iteration: all updates of the rule, each with one optimiser step; the average follows after the last.</summary>
    /// <exception cref="UserError">The loss is no longer finite.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed of; nothing was moved.</exception>
    public Progress Step()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        using var scope = NewDisposeScope();
        model.Training = true;
        model.SeedDropout(seed.At("dropout", Iteration));
        var loss = double.NaN;
        var updates = rule.Updates(Iteration);
        var (last, done) = ((updates as IReadOnlyCollection<Update>)?.Count ?? 0, 0);
        foreach (var update in updates)
            loss = Apply(update, ++done == last ? Ema : null);
        if (last == 0)
            Ema?.Update();
        Iteration++;
        return new(Iteration, Updates, loss);
    }

    private double Apply(Update update, Ema? average)
    {
        using var scope = NewDisposeScope();
        model.Parameters.ZeroGradient();
        var loss = update.Loss();
        loss.backward();
        var value = loss.detach().to(ScalarType.Float64).item<double>();
        if (!double.IsFinite(value))
            throw new UserError(
                $"the loss is {value} at iteration {Iteration}: training diverged; lower the learning rate or the unlearning weight"
            );
        var factor = 1.0;
        if (update.Transform.OnlyBound is { } bound)
            factor = GradientTransform.Factor(GradientTransform.Norm(model.Parameters.Gradient), bound);
        else
            update.Transform.Apply(model.Parameters.Gradient);
        (update.Optimizer ?? Adam).Step(settings.Rate.At(Iteration, settings.Iterations), factor, average);
        Updates++;
        return value;
    }

    /// <summary>Releases moments and average; the model and the rule stay with their owners. Again does nothing.</summary>
    public void Dispose()
    {
        disposed = true;
        Adam.Dispose();
        Ema?.Dispose();
    }
}
