using DiMum.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics.Inception;

/// <summary>
/// What one pass over a set of images leaves: moments of the pooled and the spatial features, the Inception Score, and evenly spaced pooled
/// features for KID, precision and recall. Memory does not grow with the number of images.
/// </summary>
public sealed class ImageSetFeatures : IDisposable
{
    /// <summary>The most feature vectors kept.</summary>
    public const int MostKept = 10_000;

    private const int Batch = 16;
    private const int ReleasedSplit = 5000;

    internal ImageSetFeatures(
        ImageSet set,
        FeatureMoments pool,
        FeatureMoments spatial,
        Tensor kept,
        (double Mean, double Deviation) score
    ) =>
        (Count, Of, Pool, Spatial, Kept, Score) = (
            set.Count,
            $"{set.Name} ({set.Hash})",
            pool,
            spatial,
            kept.DetachFromDisposeScope(),
            score
        );

    public long Count { get; }

    /// <summary>Which images.</summary>
    public string Of { get; }

    /// <summary>Of the pooled features.</summary>
    public FeatureMoments Pool { get; }

    /// <summary>Of sFID's features; without dimensions where the network has none.</summary>
    public FeatureMoments Spatial { get; }

    /// <summary>Image ⌊j·N/m⌋ for j = 0…m−1: float32 [m,d].</summary>
    public Tensor Kept { get; }

    /// <summary>Inception Score: mean and deviation over splits.</summary>
    public (double Mean, double Deviation) Score { get; }

    /// <summary>Reads the set once.</summary>
    /// <param name="set">The images.</param>
    /// <param name="network">One that takes the protocol.</param>
    /// <param name="protocol">How images become the network's input.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="onImages">Sees (done, all).</param>
    /// <param name="cancel">Stops between batches.</param>
    /// <exception cref="UserError">Features are NaN or infinite.</exception>
    public static ImageSetFeatures Read(
        ImageSet set,
        IFeatureNetwork network,
        EvaluationProtocol protocol,
        Device device,
        Action<long, long>? onImages = null,
        CancellationToken cancel = default
    )
    {
        if (!network.Takes(protocol))
            throw new ArgumentException($"protocol {protocol.Name} is not defined on {network.Identity}");
        using var none = no_grad();
        using var outer = NewDisposeScope();
        var kept = zeros([Math.Min(set.Count, MostKept), network.Features]);
        var (pooled, spatial) = (new FeatureMoments(network.Features), new FeatureMoments(network.SpatialFeatures));
        var released = protocol == EvaluationProtocol.AsReleased;
        var score = released ? InceptionScore.OfSplitSize(set.Count, ReleasedSplit) : InceptionScore.InSplits(set.Count, 10);
        long done = 0,
            next = 0;
        foreach (var images in set.Batches(Batch))
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var features = network.Read(images.to(device), protocol);
            var pool = features.Pool.cpu();
            var finite = pool.isfinite().all().item<bool>();
            if (network.SpatialFeatures > 0)
                finite &= features.Spatial.isfinite().all().item<bool>();
            if (!finite)
                throw new UserError(
                    $"{set.Name}: features of images {done}…{done + pool.shape[0] - 1} are NaN or infinite; are these the right weights?"
                );
            pooled.Add(pool);
            if (network.SpatialFeatures > 0)
                spatial.Add(features.Spatial);
            score.Add(released ? features.LogitsWithoutBias : features.Logits);
            for (; next < kept.shape[0] && next * set.Count / kept.shape[0] < done + pool.shape[0]; next++)
                kept[next].copy_(pool[next * set.Count / kept.shape[0] - done]);
            done += pool.shape[0];
            onImages?.Invoke(done, set.Count);
        }

        return new(set, pooled, spatial, kept, score.Result);
    }

    public void Dispose() => Kept.Dispose();
}
