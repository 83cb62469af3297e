using DiMum.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics.Inception;

/// <summary>
/// A way from image bytes to a network's input, and how much of a reference counts. At least three of them are called «FID» in published work;
/// their numbers do not compare.
/// </summary>
/// <param name="Name">As on the command line.</param>
/// <param name="Variant">The Inception network it is defined on.</param>
/// <param name="Treatment">What is done to every image's bytes, in words.</param>
/// <param name="Treat">The same: uint8 [B,3,H,W], RGB → uint8 [B,3,H,W].</param>
/// <param name="Input">How Inception takes treated bytes, in words.</param>
/// <param name="Scale">The same: uint8 [B,3,H,W] → float [B,3,299,299].</param>
/// <param name="ReferenceOfEachClass">How many reference images of each class count, the first in order; 0 for all.</param>
public sealed record EvaluationProtocol(
    string Name,
    InceptionVariant Variant,
    string Treatment,
    Func<Tensor, Tensor> Treat,
    string Input,
    Func<Tensor, Tensor> Scale,
    int ReferenceOfEachClass
)
{
    private const string Bilinear = "bilinear to 299 as pytorch-fid";
    private const int OfEachClass = 500;

    /// <summary>The field's usual FID, as pytorch-fid computes it: RGB, no stretch, bilinear to 299, [−1, 1], the whole reference.</summary>
    public static EvaluationProtocol Clean { get; } = Step("clean", "RGB", x => x);

    /// <summary>
    /// As released (OPTML-Group/Unlearn-Saliency@a6e89fd, K1nght/Unified-Unlearning-w-Remain-Geometry@36bb7f6): every image stretched over its own
    /// range, read as BGR, TensorFlow's resize and scaling, 500 reference images a class.
    /// </summary>
    public static EvaluationProtocol AsReleased { get; } =
        Step("as-released", "each image stretched min–max, BGR", x => Bgr(Stretch(x)), OfEachClass) with
        {
            Input = "TensorFlow-1 resize",
            Scale = x => InceptionInput.TensorFlow(x.to(ScalarType.Float32)).sub(128).div(128),
        };

    /// <summary>
    /// As released (OPTML-Group/UnlearnCanvas@920cfd1): torchvision's network on bytes resized to 512, then to 299 and [−1, 1], then normalised once
    /// more by torchvision's own input transform.
    /// </summary>
    public static EvaluationProtocol UnlearnCanvas { get; } =
        new(
            "unlearncanvas",
            InceptionVariant.Torchvision,
            "RGB",
            x => x,
            "bilinear to 512 then 299, normalised twice",
            x => Twice(InceptionInput.Scale(InceptionInput.Bilinear(Bytes512(x)))),
            0
        );

    /// <summary>The protocols that numbers are published under.</summary>
    public static IReadOnlyList<EvaluationProtocol> All { get; } = [Clean, AsReleased, UnlearnCanvas];

    /// <summary>What <see cref="AsReleased"/> does, one thing at a time: to see which of them moves a number.</summary>
    public static IReadOnlyList<EvaluationProtocol> Steps { get; } =
    [
        Step("stretched", "RGB, each image stretched min–max", Stretch),
        Step("bgr", "BGR", Bgr),
        Step("500-a-class", "RGB", x => x, OfEachClass),
    ];

    /// <summary>uint8 [B,3,H,W], RGB → what Inception takes, float [B,3,299,299].</summary>
    public Tensor Prepare(Tensor bytes) => Scale(Treat(bytes));

    /// <summary>The identity for a reference of <paramref name="used"/> images out of <paramref name="all"/>.</summary>
    public string IdentityWith(string input, long used, long all) =>
        $"{Name}: {Treatment}; {input}; "
        + (
            ReferenceOfEachClass == 0 ? $"{all} reference images"
            : used < all ? $"first {ReferenceOfEachClass} reference images of each class: {used} of {all}"
            : $"{all} reference images, no more than {ReferenceOfEachClass} a class or without class folders"
        );

    private static EvaluationProtocol Step(string name, string treatment, Func<Tensor, Tensor> treat, int ofEachClass = 0) =>
        new(
            name,
            InceptionVariant.Fid,
            treatment,
            treat,
            Bilinear,
            x => InceptionInput.Scale(InceptionInput.Bilinear(Unit(x))),
            ofEachClass
        );

    private static Tensor Stretch(Tensor bytes) => Pixels.Stretched(Unit(bytes));

    private static Tensor Bgr(Tensor bytes) => bytes.flip(1);

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
