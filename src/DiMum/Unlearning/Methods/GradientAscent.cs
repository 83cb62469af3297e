namespace DiMum.Unlearning.Methods;

/// <summary>
/// Equation (5), bare: L(θ) = w_r·E_{D_r} ‖ε − ε_θ‖² − w_u·E_{D_u} ‖ε − ε_θ‖². With retain weight 1e-3 this is the method «ga» of
/// Unlearn-Saliency@a6e89fd without its mask.
/// </summary>
public sealed record GradientAscent(Balance Balance) : IUnlearningMethod
{
    public string Name => "gradient-ascent";
    public string Reading => "as published";
    public string Source => $"arXiv 2512.03564, Eq. (5); {Balance}";

    public IUpdateRule Prepare(UnlearningContext context) =>
        new UpdateRule(iteration =>
            [
                new(
                    () => Balance.Retain * context.Loss(context.Retain, iteration) - Balance.Unlearning * context.Loss(context.Forget, iteration),
                    context.Clip
                ),
            ]);
}
