using DiMum.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics.Inception;

/// <summary>
/// What one pass over a set of images leaves: moments of the pooled and the spatial features, Inception scores, and evenly spaced pooled features
/// for KID, precision and recall. Memory does not grow with the number of images.
/// </summary>
public sealed class ImageSetFeatures : IDisposable
{
    /// <summary>The most feature vectors kept.</summary>
    public const int MostKept = 10_000;

    private const int Batch = 16;
    private const int ReleasedSplit = 5000;

    private ImageSetFeatures(long count, string of) => (Count, Of) = (count, of);

    public long Count { get; }

    /// <summary>Which images.</summary>
    public string Of { get; }

    /// <summary>Of the pooled features, d = 2048.</summary>
    public FeatureMoments Pool { get; } = new(InceptionLayout.Features);

    /// <summary>Of sFID's features, d = 2023.</summary>
    public FeatureMoments Spatial { get; } = new(7 * 17 * 17);

    /// <summary>Image ⌊j·N/m⌋ for j = 0…m−1: float32 [m,2048].</summary>
    public required Tensor Kept { get; init; }

    /// <summary>Inception Score: mean and deviation over splits.</summary>
    public (double Mean, double Deviation) Score { get; private set; }

    /// <summary>Reads the set once.</summary>
    /// <param name="set">The images.</param>
    /// <param name="network">Of the protocol's variant.</param>
    /// <param name="protocol">How images become the network's input.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="onImages">Sees (done, all).</param>
    /// <param name="cancel">Stops between batches.</param>
    /// <exception cref="UserError">Features are NaN or infinite.</exception>
    public static ImageSetFeatures Read(
        ImageSet set,
        InceptionV3 network,
        EvaluationProtocol protocol,
        Device device,
        Action<long, long>? onImages = null,
        CancellationToken cancel = default
    )
    {
        if (network.Variant != protocol.Variant)
            throw new ArgumentException($"protocol {protocol.Name} is of {protocol.Variant}, the network {network.Variant}");
        using var none = no_grad();
        var kept = (int)Math.Min(set.Count, MostKept);
        var result = new ImageSetFeatures(set.Count, $"{set.Name} ({set.Hash})")
        {
            Kept = zeros([kept, InceptionLayout.Features]).DetachFromDisposeScope(),
        };
        var released = protocol == EvaluationProtocol.AsReleased;
        var score = released ? InceptionScore.OfSplitSize(set.Count, ReleasedSplit) : InceptionScore.InSplits(set.Count, 10);
        long done = 0,
            next = 0;
        foreach (var images in set.Batches(Batch))
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var features = network.Forward(protocol.Prepare(images.to(device)));
            var pool = features.Pool.cpu();
            if (!pool.isfinite().all().item<bool>())
                throw new UserError(
                    $"{set.Name}: features of images {done}…{done + pool.shape[0] - 1} are NaN or infinite; are these the right weights?"
                );
            result.Pool.Add(pool);
            result.Spatial.Add(features.Spatial);
            score.Add(released ? features.LogitsWithoutBias : features.Logits);
            for (; next < kept && next * set.Count / kept < done + pool.shape[0]; next++)
                result.Kept[next].copy_(pool[next * set.Count / kept - done]);
            done += pool.shape[0];
            onImages?.Invoke(done, set.Count);
        }

        result.Score = score.Result;
        return result;
    }

    public void Dispose() => Kept.Dispose();
}
