using DiMum.Diffusion;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning;

/// <summary>
/// A frozen copy of a network: its weights at the time of construction, put in for the length of a call. Costs memory for one flat vector and no
/// second network. No graph may be alive over the call, because θ changes under it and back.
/// </summary>
public sealed class FrozenWeights(ITrainableDenoiser model) : IDisposable
{
    private readonly Tensor weights = model.Parameters.Snapshot().DetachFromDisposeScope();

    /// <summary>What <paramref name="work"/> gives under the frozen weights, without gradient and without dropout.</summary>
    public Tensor Under(Func<Tensor> work)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        var current = model.Parameters.Snapshot();
        using var evaluation = new EvaluationMode(model);
        model.Parameters.Load(weights);
        try
        {
            return work().MoveToOuterDisposeScope();
        }
        finally
        {
            model.Parameters.Load(current);
        }
    }

    public void Dispose() => weights.Dispose();
}
