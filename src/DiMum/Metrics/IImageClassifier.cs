using TorchSharp;

namespace DiMum.Metrics;

/// <summary>A network that measures: accuracy rates by its logits, the Fréchet distance of runs and reports by its features.</summary>
public interface IImageClassifier : IDisposable
{
    /// <summary>d, the width of the pooled features.</summary>
    int FeatureCount { get; }

    /// <summary>Pooled features [B,d] and logits [B,K] of images [B,C,H,W] in [−1, 1], in evaluation mode.</summary>
    (torch.Tensor Features, torch.Tensor Logits) Forward(torch.Tensor x);
}
