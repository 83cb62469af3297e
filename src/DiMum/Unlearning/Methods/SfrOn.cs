using DiMum.Data;
using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// SFR-on (Huang et al. 2024), ascent of Eq. (5) in two optimiser steps an iteration with one Adam: first up the adaptively weighted loss of D_u,
/// −α_k·Σ_i w_i ℓ_i with w_i ∝ 1/(ℓ_i^λ + 1e-8), masked, then clipped; then down the loss of D_r, clipped. α_k = α·(1 + cos(πk/K))/2.
/// Mask: weights with (F_u + 1e-15)/(F_r + 1e-15) ≥ γ, F the batch-gradient Fisher diagonals.
/// Source: Unified-Unlearning-w-Remain-Geometry@36bb7f6, <c>DDPM/runners/diffusion.py</c> sfron_forget (ron, adaga) and generate_fisher.
/// </summary>
/// <param name="Balance">Retain weight, and α = the unlearning weight at iteration 0 (released: 1 and 10).</param>
/// <param name="Decay">Whether α_k falls by a half cosine.</param>
/// <param name="Lambda">λ of the adaptive weights (released: 0.5).</param>
/// <param name="Gamma">γ of the Fisher ratio (released: 1); null: no mask.</param>
/// <param name="MaskGuidance">Guidance of the prediction that Fisher weights come from.</param>
public sealed record SfrOn(Balance Balance, bool Decay, double Lambda, double? Gamma, Guidance MaskGuidance) : IUnlearningMethod
{
    private const string Repository = "Unified-Unlearning-w-Remain-Geometry@36bb7f6";

    /// <summary>Released: mirrored images stay mirrored, and an epoch's last batch is smaller. The released program stops before training unless its configuration gets a «gamma».</summary>
    public MethodReading Read { get; init; } = MethodReading.AsPublished;

    public string Name => "SFR-on";
    public string Reading => Read.Text(Repository + ", with the missing «gamma» of its configuration added");
    public Loader Loader => Read == MethodReading.AsPublished ? Loader.Shuffled : Loader.WholeEpochs;
    public string Source => FormattableString.Invariant($"arXiv 2409.19732, {Repository}; λ={Lambda:g} γ={Gamma:g}, {Balance}");
    public int UpdatesPerIteration => 2;

    public IUpdateRule Prepare(UnlearningContext context)
    {
        if (Gamma is not { } gamma)
            return Rule(context, null);
        using var scope = NewDisposeScope();
        var forget = Fisher(context, context.Forget);
        var retain = Fisher(context, context.Retain);
        return Rule(context, RatioMask(forget, retain, gamma).DetachFromDisposeScope());
    }

    /// <summary>The rule under a given mask of 0 and 1, [n], which it owns; null for none.</summary>
    public IUpdateRule Rule(UnlearningContext context, Tensor? mask)
    {
        var ascent = mask is null ? context.Clip : context.Selection.ThenMask(mask).ThenClip(context.ClipNorm);
        return new UpdateRule(
            iteration =>
                [
                    new(() => -Alpha(iteration, context.Iterations) * Adaptive(context, iteration), ascent),
                    new(() => Balance.Retain * context.Loss(context.Retain, iteration), context.Clip),
                ],
            mask is null ? [] : [mask]
        );
    }

    /// <summary>α_k of iteration k = 0…K−1.</summary>
    public double Alpha(int iteration, int iterations) =>
        Balance.Unlearning * (Decay ? (1 + Math.Cos(Math.PI * iteration / iterations)) / 2 : 1);

    /// <summary>w_i = k_i/Σ_j k_j, k_i = 1/(ℓ_i^λ + 1e-8); no gradient flows through them. [B], sum 1.</summary>
    public static Tensor Weights(Tensor perImage, double lambda)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var k = 1 / (perImage.detach().pow(lambda) + 1e-8);
        return (k / k.sum()).MoveToOuterDisposeScope();
    }

    /// <summary>Σ_i w_i ℓ_i; at λ = 0 the plain mean over the batch («ga» of the released code).</summary>
    public static Tensor AdaptiveLoss(Tensor perImage, double lambda) => (Weights(perImage, lambda) * perImage).sum();

    /// <summary>F = Σ_batches g² / (number of batches), g the clipped guided batch gradient: [n].</summary>
    public Tensor Fisher(UnlearningContext context, Pairing pairing)
    {
        using var scope = NewDisposeScope();
        var sum = zeros_like(context.Model.Parameters.Values);
        var batches = GuidedGradient.ForEachBatch(context, pairing, MaskGuidance, g => sum.addcmul_(g, g, 1));
        return sum.div_(batches).MoveToOuterDisposeScope();
    }

    /// <summary>1 where (F_u + 1e-15)/(F_r + 1e-15) ≥ γ. A weight without gradient in either is selected at γ ≤ 1.</summary>
    public static Tensor RatioMask(Tensor forget, Tensor retain, double gamma)
    {
        using var scope = NewDisposeScope();
        return ((forget + 1e-15) / (retain + 1e-15)).ge(gamma).to(forget.dtype).MoveToOuterDisposeScope();
    }

    private Tensor Adaptive(UnlearningContext context, int iteration)
    {
        var perImage = EpsilonLoss.PerImage(context.Model, context.Schedule, context.Batches.Next(context.Forget, iteration)); // [B]
        return AdaptiveLoss(perImage, Lambda);
    }
}
