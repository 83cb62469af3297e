using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion;

/// <summary>
/// Equation (2), classifier-free guidance. The field writes it in two ways that are easily confused, so a bare number is not accepted:
/// <see cref="ByWeight"/> is (1+w)·ε_c − w·ε_∅ (the paper and SalUn), <see cref="ByScale"/> is ε_∅ + s·(ε_c − ε_∅) (Stable Diffusion); s = 1 + w.
/// </summary>
public readonly record struct Guidance
{
    private Guidance(double weight) => Weight = weight;

    /// <summary>w; 0 is the conditional model, −1 the unconditional one.</summary>
    public double Weight { get; }

    /// <summary>s = 1 + w.</summary>
    public double Scale => 1 + Weight;

    /// <summary>ε̂ = (1+w)·ε_c − w·ε_∅.</summary>
    public static Guidance ByWeight(double w) => new(w);

    /// <summary>ε̂ = ε_∅ + s·(ε_c − ε_∅).</summary>
    public static Guidance ByScale(double s) => new(s - 1);

    /// <summary>w = 0: the conditional prediction as it is, at the cost of one forward pass.</summary>
    public static Guidance None => default;

    /// <summary>Whether ε_∅ is needed at all.</summary>
    public bool NeedsNull => Weight != 0;

    /// <summary>ε̂ of Eq. (2). With w = 0 this is <paramref name="conditional"/> itself.</summary>
    /// <param name="conditional">ε_θ(x_t, t, c), [B,C,H,W].</param>
    /// <param name="unconditional">ε_θ(x_t, t, ∅), [B,C,H,W].</param>
    public Tensor Combine(Tensor conditional, Tensor unconditional) =>
        NeedsNull ? (1 + Weight) * conditional - Weight * unconditional : conditional;

    /// <summary>ε̂ at one time of the whole batch, in two forward passes, so that at most a batch is in memory.</summary>
    public Tensor Predict(IDenoiser model, Tensor x, int t, Condition condition)
    {
        var time = full(x.shape[0], t, ScalarType.Int64, x.device);
        var conditional = model.Predict(x, time, condition);
        return NeedsNull ? Combine(conditional, model.Predict(x, time, condition.Dropped())) : conditional;
    }

    /// <summary>
    /// ε̂ brought back to the conditional prediction's deviation, φ·ε̂·std(ε_c)/std(ε̂) + (1−φ)·ε̂ (Lin et al. 2023, section 3.4); deviations over each
    /// image, with n − 1.
    /// </summary>
    /// <param name="guided">ε̂, [B,C,H,W].</param>
    /// <param name="conditional">ε_c, [B,C,H,W].</param>
    /// <param name="share">φ in 0…1; 0 leaves ε̂ as it is.</param>
    public static Tensor Rescaled(Tensor guided, Tensor conditional, double share)
    {
        static Tensor Deviation(Tensor x) => x.flatten(1).std(1, unbiased: true).view(-1, 1, 1, 1); // [B,1,1,1]
        return share * guided * (Deviation(conditional) / Deviation(guided)) + (1 - share) * guided;
    }

    public override string ToString() => FormattableString.Invariant($"w={Weight:g}");
}
