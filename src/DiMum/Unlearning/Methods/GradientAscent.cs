using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// Equation (5), bare: L(θ) = w_r·E_{D_r} ‖ε − ε_θ‖² − w_u·E_{D_u} ‖ε − ε_θ‖². Released it is the method «ga» of SalUn's program: retain weight 1e-3, gradients
/// clipped, then masked by SalUn's mask.
/// Source: Unlearn-Saliency@a6e89fd, <c>DDPM/runners/diffusion.py</c> saliency_unlearn (ga).
/// </summary>
public sealed record GradientAscent(Balance Balance) : IUnlearningMethod
{
    private const string Repository = "Unlearn-Saliency@a6e89fd";

    /// <summary>The program whose mask is applied (released); null: every weight moves.</summary>
    public SalUn? Masked { get; init; }

    public string Name => "gradient-ascent";
    public string Reading => (Masked is null ? MethodReading.AsPublished : MethodReading.AsReleased).Text(Repository);
    public string Source =>
        Masked?.MaskRatio is { } ratio
            ? FormattableString.Invariant($"arXiv 2512.03564, Eq. (5), {Repository}; mask top {ratio:g}, {Balance}")
            : $"arXiv 2512.03564, Eq. (5); {Balance}";

    public IUpdateRule Prepare(UnlearningContext context) => Rule(context, Masked?.Mask(context));

    /// <summary>The rule under a given mask of 0 and 1, [n], which it owns, applied after clipping; null for none.</summary>
    public IUpdateRule Rule(UnlearningContext context, Tensor? mask)
    {
        var transform = mask is null ? context.Clip : context.Clip.ThenMask(mask);
        return new UpdateRule(
            iteration =>
                [
                    new(
                        () =>
                            Balance.Retain * context.Loss(context.Retain, iteration)
                            - Balance.Unlearning * context.Loss(context.Forget, iteration),
                        transform
                    ),
                ],
            mask is null ? [] : [mask]
        );
    }
}
