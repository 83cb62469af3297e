using DiMum.Diffusion;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// DiMUM, Algorithm 1: instead of pushing the unlearned images away, memorize alternative ones under their condition. Equation (11):
/// L(θ) = w_r·E_{D_r} ‖ε − ε_θ(x_t, t, c)‖² + w_u·E_{D_m} ‖ε − ε_θ(x_t, t, c)‖², the losses of Eqs. (8) and (10), D_m of Eq. (9).
/// Both terms are sums over C, H, W; the paper's text does not fix the weights, both are 1 here unless said otherwise.
/// </summary>
public sealed record DiMum(Balance Balance) : IUnlearningMethod
{
    public string Name => "DiMUM";
    public string Reading => "as published";
    public string Source => $"arXiv 2512.03564, Eqs. (8)–(11), Algorithm 1; {Balance}";

    public IUpdateRule Prepare(UnlearningContext context) =>
        new UpdateRule(iteration =>
            [
                new(
                    () =>
                        Balance.Retain * context.Loss(context.Retain, iteration)
                        + Balance.Unlearning * context.Loss(context.Memorization, iteration),
                    context.Clip
                ),
            ]
        );
}
