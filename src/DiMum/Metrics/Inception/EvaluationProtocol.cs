using DiMum.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics.Inception;

/// <summary>A way from image bytes to a network's features. At least these three are all called «FID» in published work; their numbers do not compare.</summary>
/// <param name="Name">As on the command line.</param>
/// <param name="Variant">Which network.</param>
/// <param name="Text">The identity: what is done to every image.</param>
/// <param name="ReferenceOfEachClass">How many reference images of each class count, the first in order; 0 for all.</param>
/// <param name="Prepare">uint8 [B,3,H,W], RGB → float [B,3,299,299] as the network takes it.</param>
public sealed record EvaluationProtocol(
    string Name,
    InceptionVariant Variant,
    string Text,
    int ReferenceOfEachClass,
    Func<Tensor, Tensor> Prepare
)
{
    /// <summary>The field's usual FID, as pytorch-fid computes it: RGB, no stretch, bilinear to 299, [−1, 1], the whole reference.</summary>
    public static EvaluationProtocol Clean { get; } =
        new(
            "clean",
            InceptionVariant.Fid,
            "RGB, bilinear to 299 as pytorch-fid",
            0,
            x => InceptionInput.Scale(InceptionInput.Bilinear(Unit(x)))
        );

    /// <summary>
    /// As released (OPTML-Group/Unlearn-Saliency@a6e89fd, K1nght/Unified-Unlearning-w-Remain-Geometry@36bb7f6): every image stretched over its own
    /// range, read as BGR, TensorFlow's resize and scaling, 500 reference images a class.
    /// </summary>
    public static EvaluationProtocol AsReleased { get; } =
        new(
            "as-released",
            InceptionVariant.Fid,
            "each image stretched min–max, BGR, TensorFlow-1 resize, first 500 reference images a class",
            500,
            x => InceptionInput.TensorFlow(Pixels.Stretched(Unit(x)).flip(1).to(ScalarType.Float32)).sub(128).div(128)
        );

    /// <summary>
    /// As released (OPTML-Group/UnlearnCanvas@920cfd1): torchvision's network on bytes resized to 512, then to 299 and [−1, 1], then normalised once
    /// more by torchvision's own input transform.
    /// </summary>
    public static EvaluationProtocol UnlearnCanvas { get; } =
        new(
            "unlearncanvas",
            InceptionVariant.Torchvision,
            "RGB, bilinear to 512 then 299, normalised twice",
            0,
            x => Twice(InceptionInput.Scale(InceptionInput.Bilinear(Bytes512(x))))
        );

    public static IReadOnlyList<EvaluationProtocol> All { get; } = [Clean, AsReleased, UnlearnCanvas];

    private static Tensor Unit(Tensor bytes) => bytes.to(ScalarType.Float32) / 255;

    private static Tensor Bytes512(Tensor bytes) => InceptionInput.Bilinear(bytes.to(ScalarType.Float32), 512).round() / 255;

    // torchvision's transform_input: from ImageNet's mean and deviation to ½ and ½.
    private static Tensor Twice(Tensor x)
    {
        var scale = tensor(new[] { 0.229f / 0.5f, 0.224f / 0.5f, 0.225f / 0.5f }, [1, 3, 1, 1]).to(x.device);
        var shift = tensor(new[] { (0.485f - 0.5f) / 0.5f, (0.456f - 0.5f) / 0.5f, (0.406f - 0.5f) / 0.5f }, [1, 3, 1, 1]).to(x.device);
        return x * scale + shift;
    }
}
