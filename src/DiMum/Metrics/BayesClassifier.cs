using DiMum.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics;

/// <summary>
/// The Bayes rule of a known mixture, with a thin even background beside the K components: a point is of the component with the largest w_k·N(x; μ_k, σ²I), and
/// of none (index K) where all lie below the density that an average component has at <see cref="Reach"/>·σ. So an accuracy rate is the mass
/// in the component itself, not in a sixth of the plane. The features are the points.
/// </summary>
public sealed class BayesClassifier(GaussianMixture mixture) : IImageClassifier
{
    /// <summary>Deviations from the mean at which the background takes over; a component of two dimensions keeps 99.97 % of its mass.</summary>
    public const double Reach = 4;

    public int FeatureCount => mixture.Dimensions;

    /// <summary>Points [B,d] and logits [B,K+1].</summary>
    public (Tensor Features, Tensor Logits) Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var points = x.flatten(1).to(ScalarType.Float64); // [B,d]
        var means = tensor(mixture.Means.SelectMany(m => m).ToArray(), [1, mixture.Components, mixture.Dimensions]).to(x.device);
        var distance = (points.unsqueeze(1) - means).square().sum(2); // [B,K]
        var weights = tensor(mixture.Weights.ToArray()).to(x.device).log().unsqueeze(0); // [1,K]
        var components = weights - distance / (2 * mixture.Deviation * mixture.Deviation);
        var background = full([x.shape[0], 1], Math.Log(1.0 / mixture.Components) - Reach * Reach / 2, ScalarType.Float64, x.device);
        return (points.to(x.dtype).MoveToOuterDisposeScope(), cat([components, background], 1).MoveToOuterDisposeScope());
    }

    public void Dispose() { }
}
