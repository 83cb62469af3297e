using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Optimization;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// Scissorhands (Wu and Harandi 2024), relabelling of Eq. (6) in two strokes. Trim: of the weights with the largest SNIP saliency
/// s = Σ_batches |∇L_f| ⊙ |θ|, those in <see cref="Trimmed"/> get new values. Repair: descend L(θ) = w_r·‖ε − ε_θ‖² on D_r +
/// w_u·‖sg[ε_θ(x_t,t,c̃)] − ε_θ(x_t,t,c)‖² on D_u, each gradient projected so that it does not point against −∇L_f of the trimmed network.
/// Source: Scissorhands@73ae065 (classification, where every part runs); UnlearnCanvas@920cfd1, <c>mu_scissorhands_shs/train-erase.py</c>.
/// </summary>
/// <param name="Balance">Benchmark: retain 1, unlearning 0.1.</param>
/// <param name="Sparsity">Share of weights that are kept (released: 0.97 to 0.999); 1 trims nothing.</param>
/// <param name="PruneBatches">Batches of D_u that the saliency is summed over.</param>
/// <param name="Memories">Reference gradients.</param>
/// <param name="ProjectEvery">Iterations from one projection to the next; 0: none.</param>
public sealed record Scissorhands(Balance Balance, double Sparsity, int PruneBatches, int Memories, int ProjectEvery) : IUnlearningMethod
{
    /// <summary>What the reading changes.</summary>
    public ScissorhandsReading Read { get; init; } = ScissorhandsReading.Of(MethodReading.AsPublished);

    /// <summary>Which weights may be trimmed and are projected.</summary>
    public ParameterSelection Trimmed { get; init; } = ParameterSelection.All;

    public string Name => "Scissorhands";
    public string Reading => Read.Reading;
    public string Source =>
        FormattableString.Invariant($"arXiv 2401.06187, {Read.Repository}; sparsity {Sparsity:g} over {PruneBatches} batches, ")
        + (ProjectEvery > 0 ? $"{Memories} references, projected every {ProjectEvery} iterations, {Balance}" : $"no projection, {Balance}");
    public Loader Loader => Read.Loader;
    public bool Clips => Read.Clips;
    public bool Reinitialises => Sparsity < 1;

    public IUpdateRule Prepare(UnlearningContext context)
    {
        using var scope = NewDisposeScope();
        if (Reinitialises)
        {
            using var generator = context.Seed.At("trim").Generator();
            Trim(context.Model.Parameters, Marked(Saliency(context), Sparsity).Mask, p => Read.Fresh(p, generator));
        }

        return Repair(context);
    }

    /// <summary>The second stroke, from θ as it is: the reference gradients, then the rule.</summary>
    public IUpdateRule Repair(UnlearningContext context)
    {
        var projection = ProjectEvery > 0 ? new GemProjection(References(context)) { Seen = context.ProjectionSeen } : null;
        if (projection is null)
            return new UpdateRule(k => [new(() => Loss(context, k), context.Clip)]);
        var projected = context.Selection.Then(projection.Apply).ThenClip(context.ClipNorm);
        var pass = Read.CountsFromPass ? context.Batches.PassLength(context.Forget) : int.MaxValue;
        return new UpdateRule(k => [new(() => Loss(context, k), k % pass % ProjectEvery == 0 ? projected : context.Clip)], projection);
    }

    /// <summary>s = Σ_batches |∇L_f| ⊙ |θ|, [n].</summary>
    public Tensor Saliency(UnlearningContext context)
    {
        using var scope = NewDisposeScope();
        var sum = zeros_like(context.Model.Parameters.Values);
        for (var k = 0; k < PruneBatches; k++)
            BatchGradient.Take(context, Forget(context, k), clips: false, g => sum.add_(g.abs()));
        using var none = no_grad();
        return sum.mul_(context.Model.Parameters.Values.abs()).MoveToOuterDisposeScope();
    }

    /// <summary>1 where s exceeds the k-th smallest saliency, k = ⌊sparsity·n⌋ ≥ 1, and that threshold.</summary>
    public static (Tensor Mask, double Threshold) Marked(Tensor saliency, double sparsity)
    {
        using var scope = NewDisposeScope();
        var k = Math.Max(1, (long)(sparsity * saliency.numel()));
        var threshold = saliency.kthvalue(k, 0).values;
        return (saliency.gt(threshold).to(saliency.dtype).MoveToOuterDisposeScope(), threshold.ToDouble());
    }

    /// <summary>θ ← θ ⊙ (1 − m) + θ_new ⊙ m on the trimmed weights.</summary>
    /// <param name="parameters">θ.</param>
    /// <param name="mask">m, [n].</param>
    /// <param name="fresh">θ_new of a parameter, in its shape; disposed here.</param>
    public void Trim(ParameterVector parameters, Tensor mask, Func<Parameter, Tensor> fresh)
    {
        using var none = no_grad();
        foreach (var p in parameters.Entries.Where(p => Trimmed.Includes(p.Name)))
        {
            using var scope = NewDisposeScope();
            var (theta, marked) = (parameters.Slice(parameters.Values, p.Name), parameters.Slice(mask, p.Name));
            theta.mul_(1 - marked).add_(fresh(p).to(theta) * marked);
        }
    }

    // ∇(−L_f) of θ as it is, on the weights that may be trimmed and move: [n] each.
    private Tensor[] References(UnlearningContext context)
    {
        using var trimmed = Trimmed.Mask(context.Model.Parameters);
        var only = trimmed is null ? context.Selection : context.Selection.ThenMask(trimmed);
        var references = new List<Tensor>();
        for (var k = 0; k < Memories; k++)
        {
            var loss = Forget(context, PruneBatches + k);
            BatchGradient.Take(context, () => -loss(), clips: false, g => references.Add(Only(g)));
        }

        return [.. references];

        Tensor Only(Tensor gradient)
        {
            only.Apply(gradient);
            return gradient.clone().DetachFromDisposeScope();
        }
    }

    // L_f = ‖ε − ε_θ(x_t,t,c)‖² on D_u, no condition dropped.
    private Func<Tensor> Forget(UnlearningContext context, int step) =>
        () =>
        {
            var batch = context.Batches.Next(context.Forget, step);
            return EpsilonLoss.Of(context.Model, context.Schedule, batch.Under(batch.Condition.Keeping(null)), Read.Relabelling.Reduction);
        };

    private Tensor Loss(UnlearningContext context, int iteration)
    {
        var retain = context.Loss(context.Retain, iteration, Read.Relabelling.Reduction);
        var forget = context.Batches.Next(context.Forget, iteration);
        return Balance.Unlearning * Read.Relabelling.Loss(context, forget, iteration, iteration) + Balance.Retain * retain;
    }
}
