namespace DiMum.Unlearning.Methods;

/// <summary>
/// EraseDiff (Wu et al. 2024), a bilevel reading of Eq. (6): L(θ) = w_r·L_r + λ·(L_f(θ) − L̄_f), L_f = ‖sg[ε_θ(x_t,t,c̃)] − ε_θ(x_t,t,c)‖² on D_u,
/// and L̄_f the average loss of K inner passes that descend L_f from θ and are then taken back. L̄_f is a constant: with λ ≥ 0 fixed the inner loop
/// leaves the direction as it is.
/// Source: EraseDiff@14f4e98, <c>ddpm/runners/diffusion.py</c> train_ours; UnlearnCanvas@920cfd1, <c>mu_erase_diff_ediff/train-erase.py</c>.
/// </summary>
/// <param name="Balance">w_r, and λ = the unlearning weight (released: 1 and 0.1).</param>
/// <param name="Passes">K ≥ 1 (released: 2).</param>
/// <param name="Margin">η: λ = max(0, η − cos(∇L_r, ∇L_f)) at every step (released: 0.1, off); null: λ is fixed.</param>
public sealed record EraseDiff(Balance Balance, int Passes, double? Margin = null) : IUnlearningMethod
{
    /// <summary>What the reading changes.</summary>
    public EraseDiffLoop Loop { get; init; } = EraseDiffLoop.Of(MethodReading.AsPublished);

    public string Name => "EraseDiff";
    public string Reading => Loop.Reading;
    public string Source =>
        FormattableString.Invariant($"arXiv 2401.05779, {Loop.Repository}; K={Passes}, {Balance}")
        + (Margin is { } eta ? FormattableString.Invariant($", λ adaptive with η={eta:g}") : "");
    public int UpdatesPerIteration =>
        !Rehearses ? 1
        : Loop.OuterAfterEachPass ? 2
        : Passes + 1;
    public Loader Loader => Loop.Loader;
    public bool Clips => Loop.Clips;

    /// <summary>Without a weight on L_f − L̄_f there is nothing to run the inner loop for; the released programs run it all the same.</summary>
    internal bool Rehearses => Balance.Unlearning != 0 || Margin is not null || Loop.SharedMoments;

    public IUpdateRule Prepare(UnlearningContext context) => new EraseDiffRule(this, context);
}
