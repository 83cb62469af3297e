using System.Collections.Immutable;
using DiMum.Diffusion;
using DiMum.Optimization;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>EraseDiff at work: θ at the restore point and L̄_f live across the iterations of a round.</summary>
internal sealed class EraseDiffRule : IUpdateRule
{
    private readonly EraseDiff method;
    private readonly UnlearningContext context;
    private readonly Relabelling relabelling;
    private readonly Tensor restorePoint; // [n]
    private readonly Tensor average; // L̄_f
    private readonly int passLength;
    private readonly int innerPasses; // of a section
    private readonly int sections; // of a round

    public EraseDiffRule(EraseDiff method, UnlearningContext context)
    {
        (this.method, this.context) = (method, context);
        relabelling = new(method.Loop.Reduction, method.Loop.Benign);
        passLength = method.Loop.WholePasses ? context.Batches.PassLength(context.Forget) : 1;
        (innerPasses, sections) = method.Loop.OuterAfterEachPass ? (1, method.Passes) : (method.Passes, 1);
        restorePoint = context.Model.Parameters.Snapshot().DetachFromDisposeScope();
        average = zeros(1, ScalarType.Float64).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> Memory =>
        passLength * sections == 1
            ? ImmutableDictionary<string, Tensor>.Empty
            : new Dictionary<string, Tensor> { ["start"] = restorePoint, ["average"] = average };

    public IEnumerable<Update> Updates(int iteration)
    {
        var (section, place) = (iteration / passLength, iteration % passLength);
        var step = section * (innerPasses + 1) * passLength; // of D_u's batches
        if (place == 0 && method.Rehearses)
        {
            if (section % sections == 0)
                Copy(context.Model.Parameters.Values, restorePoint);
            using var own = method.Loop.SharedMoments ? null : new Adam(context.Model.Parameters);
            for (var pass = 0; pass < innerPasses; pass++)
                foreach (var inner in Pass(step + pass * passLength, iteration, own))
                    yield return inner;
            context.Model.Parameters.Load(restorePoint);
        }

        yield return new(() => Outer(step + innerPasses * passLength + place, iteration), context.Clip);
    }

    public void Dispose()
    {
        restorePoint.Dispose();
        average.Dispose();
    }

    // One pass down L_f; its average loss, weighted by batch size, replaces that of the pass before.
    private IEnumerable<Update> Pass(int firstStep, int iteration, Adam? own)
    {
        var transform = method.Loop.ClipsInner ? context.Clip : context.Selection;
        var (sum, images) = (0.0, 0L);
        for (var k = 0; k < passLength; k++)
        {
            var step = firstStep + k;
            Tensor Loss()
            {
                var batch = context.Batches.Next(context.Forget, step);
                var loss = relabelling.Loss(context, batch, step, iteration + k);
                var size = batch.Clean.shape[0];
                (sum, images) = (sum + size * loss.ToDouble(), images + size);
                return loss;
            }

            yield return new(Loss, transform) { Inner = true, Optimizer = own };
        }

        average.fill_(sum / images);
    }

    // w_r·L_r + λ·(L_f − L̄_f)
    private Tensor Outer(int step, int iteration)
    {
        var batch = context.Batches.Next(context.Retain, iteration);
        if (!method.Loop.DropsRetain)
            batch = batch.Under(batch.Condition.Keeping(null));
        var retain = EpsilonLoss.Of(context.Model, context.Schedule, batch, method.Loop.Reduction);
        var forget = context.Batches.Next(context.Forget, step);
        if (method.Loop.SharesTime)
            forget = forget with { Time = batch.Time.narrow(0, 0, forget.Time.shape[0]) };
        var unlearning = relabelling.Loss(context, forget, step, iteration);
        var lambda = method.Margin is { } eta ? Adaptive(eta, retain, unlearning) : method.Balance.Unlearning;
        return method.Balance.Retain * retain + lambda * (unlearning - average.item<double>());
    }

    // λ = max(0, η − cos(∇L_r, ∇L_f)), over the selected weights.
    private double Adaptive(double eta, Tensor retain, Tensor unlearning)
    {
        using var scope = NewDisposeScope();
        var (r, f) = (Gradient(retain), Gradient(unlearning));
        var cosine = (r * f).sum().ToDouble() / (r.norm().ToDouble() * f.norm().ToDouble());
        var lambda = Math.Max(0, eta - cosine);
        context.WeightSeen?.Invoke(lambda, cosine);
        return lambda;
    }

    private Tensor Gradient(Tensor loss)
    {
        var parameters = context.Model.Parameters;
        parameters.ZeroGradient();
        loss.backward(retain_graph: true);
        context.Selection.Apply(parameters.Gradient);
        var gradient = parameters.Gradient.to(ScalarType.Float64, copy: true);
        parameters.ZeroGradient();
        return gradient;
    }

    private static void Copy(Tensor from, Tensor to)
    {
        using var none = no_grad();
        to.copy_(from);
    }
}
