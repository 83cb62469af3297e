using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// Equation (5), bare: L(θ) = w_r·E_{D_r} ‖ε − ε_θ‖² − w_u·E_{D_u} ‖ε − ε_θ‖². With retain weight 1e-3 this is the method «ga» of
/// Unlearn-Saliency@a6e89fd without its mask; <see cref="Rule"/> takes the mask too.
/// </summary>
public sealed record GradientAscent(Balance Balance) : IUnlearningMethod
{
    public string Name => "gradient-ascent";
    public string Reading => "as published";
    public string Source => $"arXiv 2512.03564, Eq. (5); {Balance}";

    public IUpdateRule Prepare(UnlearningContext context) => Rule(context, null);

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
