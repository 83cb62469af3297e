using TorchSharp;

namespace DiMum.Metrics;

/// <summary>What measures a run: accuracy rates by its logits, the Fréchet distance of runs and reports by its features.</summary>
public interface IImageClassifier : IDisposable
{
    /// <summary>d, the width of the pooled features.</summary>
    int FeatureCount { get; }

    /// <summary>Pooled features [B,d] and logits [B,K or more] of samples [B,C,H,W] (images in [−1, 1]), in evaluation mode; a logit beyond the K classes stands for none of them.</summary>
    (torch.Tensor Features, torch.Tensor Logits) Forward(torch.Tensor x);
}
