using System.Collections.Immutable;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Optimization;
using static TorchSharp.torch;

namespace DiMum.Unlearning;

/// <summary>Weights of the two terms of Eqs. (5), (6) and (11). Named, because released code means three different things by «alpha».</summary>
/// <param name="Retain">Of the retain term.</param>
/// <param name="Unlearning">Of the unlearning term.</param>
public readonly record struct Balance(double Retain, double Unlearning)
{
    /// <summary>w_u·unlearning + w_r·retain; a retain term of weight 0 is not computed.</summary>
    public Tensor Sum(Tensor unlearning, Func<Tensor> retain) =>
        Retain == 0 ? Unlearning * unlearning : Unlearning * unlearning + Retain * retain();

    public override string ToString() => FormattableString.Invariant($"retain {Retain:g} + unlearning {Unlearning:g}");
}

/// <summary>One optimiser step: a loss to descend and what is done to its gradient first.</summary>
/// <param name="Loss">Builds the scalar loss; called once, inside the step's dispose scope.</param>
/// <param name="Transform">Clip, mask, in the method's order.</param>
public sealed record Update(Func<Tensor> Loss, GradientTransform Transform)
{
    /// <summary>Whether the method takes this step back before the iteration ends (EraseDiff's inner loop).</summary>
    public bool Inner { get; init; }

    /// <summary>Who takes the step; null: the loop's own Adam.</summary>
    public Adam? Optimizer { get; init; }
}

/// <summary>A method at work: the optimiser steps of each outer iteration.</summary>
public interface IUpdateRule : IDisposable
{
    /// <summary>The steps of outer iteration <paramref name="iteration"/> (0-based), in order; each is taken before the next is asked for.</summary>
    IEnumerable<Update> Updates(int iteration);

    /// <summary>What lives across iterations and can't be prepared again, by name: saved and restored with θ. Most rules have none.</summary>
    IReadOnlyDictionary<string, Tensor> Memory => ImmutableDictionary<string, Tensor>.Empty;
}

/// <summary>All that a method may use.</summary>
/// <param name="Model">ε_θ, at the pre-trained weights when the method is prepared.</param>
/// <param name="Schedule">ᾱ_t.</param>
/// <param name="Batches">Source of batches.</param>
/// <param name="Forget">D_u.</param>
/// <param name="Retain">D_r.</param>
/// <param name="Memorization">D_m (Eq. 9).</param>
/// <param name="Alternative">c̃, the benign condition given to a condition of D_u at a step (Eq. 6).</param>
/// <param name="Iterations">Outer iterations planned.</param>
/// <param name="ClipNorm">Global-norm bound of gradients.</param>
public sealed record UnlearningContext(
    ITrainableDenoiser Model,
    NoiseSchedule Schedule,
    IBatchSource Batches,
    Pairing Forget,
    Pairing Retain,
    Pairing Memorization,
    Func<Condition, int, Condition> Alternative,
    int Iterations,
    double ClipNorm
)
{
    /// <summary>Which weights may move, [n] of 0 and 1; null: all. The others' gradients are gone before anything is clipped.</summary>
    public Tensor? Selected { get; init; }

    /// <summary>Of what a method draws by itself when it is prepared.</summary>
    public Seed Seed { get; init; }

    /// <summary>What x₀ becomes where it is saved as an image and read again; as it is where the network is given none.</summary>
    public Func<Tensor, Tensor> Saved { get; init; } = x => x;

    /// <summary>Asks a long preparation to stop.</summary>
    public CancellationToken Cancel { get; init; }

    /// <summary>Sees (loss, gradient norm before clipping) of every batch that a mask or Fisher weight is made of; for verification.</summary>
    internal Action<double, double>? GuidedGradientSeen { get; init; }

    /// <summary>Sees (λ, cosine of the two gradients) of every adaptive weight; for verification.</summary>
    internal Action<double, double>? WeightSeen { get; init; }

    /// <summary>Sees P, q and v of every projection; for verification.</summary>
    internal Action<double[,], double[], double[]>? ProjectionSeen { get; init; }

    /// <summary>The ε-loss on this iteration's batch of <paramref name="pairing"/>.</summary>
    public Tensor Loss(Pairing pairing, int iteration, LossReduction reduction = LossReduction.SumPerImage) =>
        EpsilonLoss.Of(Model, Schedule, Batches.Next(pairing, iteration), reduction);

    /// <summary>The gradient of the <see cref="Selected"/> weights: where every method's transform begins.</summary>
    public GradientTransform Selection => Selected is { } mask ? GradientTransform.None.ThenMask(mask) : GradientTransform.None;

    /// <summary>Selection, then clipping to <see cref="ClipNorm"/>, and nothing else.</summary>
    public GradientTransform Clip => Selection.ThenClip(ClipNorm);
}

/// <summary>An unlearning method: an update rule on the parameter vector.</summary>
public interface IUnlearningMethod
{
    /// <summary>The name in experiments and reports.</summary>
    string Name { get; }

    /// <summary><c>as published</c>, or <c>as released (repo@commit)</c>.</summary>
    string Reading { get; }

    /// <summary>Equation, paper or repository that it follows, and its settings in one line.</summary>
    string Source { get; }

    /// <summary>Whether it starts from fresh weights instead of the pre-trained ones (retraining does).</summary>
    bool StartsFromScratch => false;

    /// <summary>Optimiser steps an iteration, those that are taken back included.</summary>
    int UpdatesPerIteration => 1;

    /// <summary>How its data loader reads; released ones have their ways.</summary>
    Loader Loader => Loader.Shuffled;

    /// <summary>Whether gradients are clipped to the experiment's bound.</summary>
    bool Clips => true;

    /// <summary>Adam's constants, for who trains by the method; most programs leave PyTorch's. A decoupled decay reaches the selected weights alone.</summary>
    AdamSettings Optimizer => new();

    /// <summary>
    /// Whether no gradient flows through the first token's keys and values, where a condition is a sequence (Concept Ablation's program): who trains by the
    /// method tells the network, see <see cref="ISequenceConditioned"/>.
    /// </summary>
    bool DetachesFirstToken => false;

    /// <summary>Whether preparing gives some weights new values (Scissorhands does).</summary>
    bool Reinitialises => false;

    /// <summary>
    /// Computes masks, weights and copies. Leaves θ as it is unless it <see cref="Reinitialises"/>. Deterministic in (θ, data, seed), so a
    /// resumed run prepares again.
    /// </summary>
    IUpdateRule Prepare(UnlearningContext context);
}

/// <summary>A rule made of functions, for methods without state of their own.</summary>
public sealed class UpdateRule(Func<int, IEnumerable<Update>> updates, params IDisposable[] state) : IUpdateRule
{
    public IEnumerable<Update> Updates(int iteration) => updates(iteration);

    public void Dispose()
    {
        foreach (var item in state)
            item.Dispose();
    }
}
