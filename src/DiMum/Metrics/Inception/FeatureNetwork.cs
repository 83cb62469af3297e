using DiMum.Data;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Metrics.Inception;

/// <summary>A network whose features two sets of images are compared by, with the name that a distance between them has.</summary>
public interface IFeatureNetwork : IDisposable
{
    /// <summary>Network and weights.</summary>
    string Identity { get; }

    /// <summary>What a distance on its features is called.</summary>
    string Distance { get; }

    /// <summary>What stands before KID, precision and recall in a number's name: nothing for FID's own network.</summary>
    string Prefix { get; }

    /// <summary>Whether its classes are ImageNet's, which the Inception Score is defined on.</summary>
    bool HasScore { get; }

    /// <summary>d of the pooled features.</summary>
    int Features { get; }

    /// <summary>d of sFID's features; 0 where there are none.</summary>
    int SpatialFeatures { get; }

    /// <summary>Whether the protocol is defined on this network.</summary>
    bool Takes(EvaluationProtocol protocol);

    /// <summary>How treated bytes become its input, in words.</summary>
    string InputOf(EvaluationProtocol protocol);

    /// <summary>Features of images, uint8 [B,3,H,W], RGB.</summary>
    InceptionFeatures Read(Tensor bytes, EvaluationProtocol protocol);
}

/// <summary>Inception-v3, of either kind.</summary>
public sealed class InceptionNetwork(InceptionV3 network, string identity) : IFeatureNetwork
{
    public string Identity => identity;

    public string Distance => $"{Prefix}FID";

    public string Prefix => network.Variant == InceptionVariant.Fid ? "" : "torchvision-";

    public bool HasScore => true;

    public int Features => InceptionLayout.Features;

    public int SpatialFeatures => InceptionV3.SpatialFeatures;

    public bool Takes(EvaluationProtocol protocol) => protocol.Variant == network.Variant;

    public string InputOf(EvaluationProtocol protocol) => protocol.Input;

    public InceptionFeatures Read(Tensor bytes, EvaluationProtocol protocol) => network.Forward(protocol.Prepare(bytes));

    public void Dispose() => network.Dispose();
}

/// <summary>
/// A run's own classifier. Its distance is a Fréchet distance and not FID, so it is never called so; it takes the treatments of FID's protocols
/// and images of its own size, or of a multiple of it, averaged down.
/// </summary>
public sealed class ClassifierNetwork(IImageClassifier network, string identity, int channels, int side) : IFeatureNetwork
{
    public string Identity => identity;

    public string Distance => $"{Prefix}Fréchet";

    public string Prefix => "classifier-";

    public bool HasScore => false;

    public int Features => network.FeatureCount;

    public int SpatialFeatures => 0;

    public bool Takes(EvaluationProtocol protocol) => protocol.Variant == InceptionVariant.Fid;

    public string InputOf(EvaluationProtocol protocol) => $"{side}×{side}";

    public InceptionFeatures Read(Tensor bytes, EvaluationProtocol protocol)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var treated = Sized(protocol.Treat(bytes));
        var (features, logits) = network.Forward(Pixels.ToModel(channels == 1 ? Luma(treated) : treated));
        return new(
            features.MoveToOuterDisposeScope(),
            zeros([bytes.shape[0], 0]).MoveToOuterDisposeScope(),
            logits.MoveToOuterDisposeScope(),
            logits.MoveToOuterDisposeScope()
        );
    }

    public void Dispose() => network.Dispose();

    private Tensor Sized(Tensor bytes)
    {
        var (h, w) = (bytes.shape[2], bytes.shape[3]);
        if (h == side && w == side)
            return bytes;
        if (h != w || h % side != 0)
            throw new UserError($"{identity} takes images of {side}×{side} or of a multiple of that, these are {w}×{h}; resize them first");
        var k = h / side;
        var sums = functional.avg_pool2d(bytes.to(ScalarType.Float32), k).mul_(k * k).round_(); // as Data/Resize.cs: ⌊(Σ + ⌊k²/2⌋)/k²⌋
        return sums.add_(k * k / 2).div_(k * k).floor_().to(ScalarType.Byte);
    }

    // As Data/ImageFile.cs: Y = 0.299·R + 0.587·G + 0.114·B, grey stays as it is.
    private static Tensor Luma(Tensor bytes)
    {
        var weights = tensor(new[] { 19595, 38470, 7471 }, [1, 3, 1, 1]).to(bytes.device);
        return (bytes.to(ScalarType.Int32) * weights).sum(1, keepdim: true).add_(32768).div_(65536, RoundingMode.floor).to(ScalarType.Byte);
    }
}
