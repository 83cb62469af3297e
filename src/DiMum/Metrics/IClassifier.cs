using static TorchSharp.torch;

namespace DiMum.Metrics;

/// <summary>What accuracy rates and Fréchet distances of a run are measured with.</summary>
public interface IClassifier : IDisposable
{
    /// <summary>d, the width of the features.</summary>
    int FeatureCount { get; }

    /// <summary>Features [B,d] and logits [B,K or more] of samples [B,C,H,W].</summary>
    (Tensor Features, Tensor Logits) Forward(Tensor x);
}
