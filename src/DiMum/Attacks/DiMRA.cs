using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Unlearning;

namespace DiMum.Attacks;

/// <summary>What the attacker of DiMRA holds.</summary>
public enum Assumption
{
    /// <summary>(i) the retain set itself.</summary>
    RetainSet,

    /// <summary>(ii-a) other real images: the test split without the unlearned class.</summary>
    TestSplit,

    /// <summary>(ii-b) images synthesised by a model under the retain conditions.</summary>
    Synthesised,
}

/// <summary>
/// DiMRA, Equation (7): keep training the unlearned model on harmless pairs, L(θ) = E_{(x₀,c)~D_a} ‖ε − ε_θ(x_t, t, c)‖². The same loss as
/// pre-training on another pairing; the unlearned condition is never touched.
/// </summary>
public static class DiMRA
{
    /// <summary>The attack as an update rule on <paramref name="auxiliary"/>.</summary>
    public static IUpdateRule Rule(
        ITrainableDenoiser model,
        NoiseSchedule schedule,
        IBatchSource batches,
        Pairing auxiliary,
        double clipNorm
    )
    {
        var clip = Optimization.GradientTransform.None.ThenClip(clipNorm);
        return new UpdateRule(iteration => [new(() => EpsilonLoss.Of(model, schedule, batches.Next(auxiliary, iteration)), clip)]);
    }

    /// <summary>The short name of an assumption, as the paper numbers them.</summary>
    public static string Label(Assumption assumption) =>
        assumption switch
        {
            Assumption.RetainSet => "i",
            Assumption.TestSplit => "ii-a",
            Assumption.Synthesised => "ii-b",
            _ => throw new ArgumentOutOfRangeException(nameof(assumption), assumption, null),
        };
}
