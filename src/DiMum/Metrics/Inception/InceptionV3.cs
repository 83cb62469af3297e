using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Metrics.Inception;

/// <summary>What the network gives for a batch.</summary>
/// <param name="Pool">Pooled features, [B,2048]: FID, KID, precision and recall.</param>
/// <param name="Spatial">The first 7 channels of <c>mixed_6</c>'s 17×17 map in the order (y, x, channel), [B,2023]: sFID.</param>
/// <param name="Logits">With bias, [B,K].</param>
/// <param name="LogitsWithoutBias">As guided-diffusion takes them for its Inception Score, [B,K].</param>
public sealed record InceptionFeatures(Tensor Pool, Tensor Spatial, Tensor Logits, Tensor LogitsWithoutBias);

/// <summary>
/// Inception-v3 in evaluation mode, as the networks that FID is taken with are published. Batch normalisation is folded into the convolutions in
/// float64, and maps lie channels-last. All channel counts are multiples of 16, so libtorch 2.10.0's wrong convolutions (see Nets/Layers.cs) are not reached.
/// </summary>
public sealed class InceptionV3 : IDisposable
{
    /// <summary>Side of the images it takes.</summary>
    public const int Side = 299;

    /// <summary>d of sFID's features: 7 channels of a 17×17 map.</summary>
    public const int SpatialFeatures = SpatialChannels * 17 * 17;

    private const double Epsilon = 1e-3;
    private const int SpatialChannels = 7;
    private const int StemImages = 4;
    private const int FewImages = 16;

    private readonly Dictionary<string, (Tensor Weight, Tensor Bias, ConvUnit Unit)> units = [];
    private readonly Tensor fcWeight;
    private readonly Tensor fcBias;
    private readonly bool padded;

    /// <summary>Takes the weights; they stay the caller's.</summary>
    /// <param name="variant">Which network.</param>
    /// <param name="weights">By the names of the published files.</param>
    /// <param name="source">Where they come from, for messages.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="dtype">float32 (the default) or float64.</param>
    /// <exception cref="UserError">A tensor is missing or has another shape; the message names it.</exception>
    public InceptionV3(
        InceptionVariant variant,
        IReadOnlyDictionary<string, Tensor> weights,
        string source,
        Device device,
        ScalarType dtype = ScalarType.Float32
    )
    {
        Variant = variant;
        padded = variant == InceptionVariant.Torchvision;
        InceptionWeights.Check(variant, weights, source);
        using var none = no_grad();
        using var scope = NewDisposeScope();
        Tensor Own(Tensor t) => t.to(dtype, copy: true).to(device).DetachFromDisposeScope();
        foreach (var unit in InceptionLayout.Convolutions)
        {
            using var inner = NewDisposeScope();
            Tensor Get(string name) => weights[$"{unit.Name}.{name}"].to(ScalarType.Float64);
            var scale = Get("bn.weight") / (Get("bn.running_var") + Epsilon).sqrt(); // [to]
            var bias = Get("bn.bias") - Get("bn.running_mean") * scale;
            units[unit.Name] = (Own(Get("conv.weight") * scale.view(-1, 1, 1, 1)), Own(bias), unit);
        }

        (fcWeight, fcBias) = (Own(weights["fc.weight"]), Own(weights["fc.bias"]));
    }

    public InceptionVariant Variant { get; }

    /// <summary>Sees intermediate outputs, for verification; null in normal use.</summary>
    internal Action<string, Tensor>? Tap { get; set; }

    /// <summary>Features and logits of images [B,3,299,299], scaled as the weights expect ([−1,1] for FID's).</summary>
    public InceptionFeatures Forward(Tensor x)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        Tensor? spatial = null;
        var h = Stems(x);
        foreach (var name in new[] { "Mixed_5b", "Mixed_5c", "Mixed_5d" })
            h = Step(h, y => BlockA(name, y));
        h = Step(h, Block6A);
        foreach (var name in new[] { "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e" })
        {
            var input = h;
            if (InceptionLayout.SpatialLayer.StartsWith(name, StringComparison.Ordinal))
                spatial = Spatial(input);
            h = Step(input, y => BlockC(name, y));
        }

        Tap?.Invoke("mixed_6e", h);
        h = Step(h, Block7A);
        h = Step(h, y => BlockE("Mixed_7b", y, maximum: false));
        h = Step(h, y => BlockE("Mixed_7c", y, maximum: !padded));
        var pool = h.mean([2, 3]); // [B,2048]
        var logits = functional.linear(pool, fcWeight); // [B,K]
        return new(
            pool.MoveToOuterDisposeScope(),
            spatial!.MoveToOuterDisposeScope(),
            (logits + fcBias).MoveToOuterDisposeScope(),
            logits.MoveToOuterDisposeScope()
        );
    }

    public void Dispose()
    {
        foreach (var (weight, bias, _) in units.Values)
        {
            weight.Dispose();
            bias.Dispose();
        }

        fcWeight.Dispose();
        fcBias.Dispose();
    }

    // The stem's maps are large, 5.5 MB an image: of a few images at a time they stay in memory that the allocator keeps, not returned to the
    // system and faulted in again at every layer.
    private Tensor Stems(Tensor x)
    {
        using var scope = NewDisposeScope();
        var parts = x.split(Tap is null ? StemImages : x.shape[0]).Select(Stem).ToArray();
        return (parts.Length == 1 ? parts[0] : cat(parts)).MoveToOuterDisposeScope();
    }

    // The strides of channels-last: oneDNN then takes and gives every map as it lies. Float64 has no such path.
    private static Tensor ChannelsLast(Tensor x) =>
        x.dtype == ScalarType.Float32 ? x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) : x;

    private Tensor Stem(Tensor x)
    {
        using var scope = NewDisposeScope();
        var h = MaxPool(Chain(ChannelsLast(x), "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3")); // [B,64,73,73]
        Tap?.Invoke("maxpool1", h);
        h = MaxPool(Chain(h, "Conv2d_3b_1x1", "Conv2d_4a_3x3")); // [B,192,35,35]
        Tap?.Invoke("maxpool2", h);
        return h.MoveToOuterDisposeScope();
    }

    private Tensor Spatial(Tensor x)
    {
        using var scope = NewDisposeScope();
        var map = Convolve(x, InceptionLayout.SpatialLayer); // [B,192,17,17]
        Tap?.Invoke("mixed_6d.branch1x1", map);
        return map.narrow(1, 0, SpatialChannels).permute(0, 2, 3, 1).reshape(map.shape[0], -1).MoveToOuterDisposeScope();
    }

    private Tensor BlockA(string name, Tensor x) =>
        cat(
            [
                Convolve(x, $"{name}.branch1x1"),
                Chain(x, $"{name}.branch5x5_1", $"{name}.branch5x5_2"),
                Chain(x, $"{name}.branch3x3dbl_1", $"{name}.branch3x3dbl_2", $"{name}.branch3x3dbl_3"),
                Convolve(AveragePool(x), $"{name}.branch_pool"),
            ],
            1
        );

    private Tensor Block6A(Tensor x) =>
        cat(
            [
                Convolve(x, "Mixed_6a.branch3x3"),
                Chain(x, "Mixed_6a.branch3x3dbl_1", "Mixed_6a.branch3x3dbl_2", "Mixed_6a.branch3x3dbl_3"),
                MaxPool(x),
            ],
            1
        );

    private Tensor BlockC(string name, Tensor x) =>
        cat(
            [
                Convolve(x, $"{name}.branch1x1"),
                Chain(x, [.. Enumerable.Range(1, 3).Select(i => $"{name}.branch7x7_{i}")]),
                Chain(x, [.. Enumerable.Range(1, 5).Select(i => $"{name}.branch7x7dbl_{i}")]),
                Convolve(AveragePool(x), $"{name}.branch_pool"),
            ],
            1
        );

    private Tensor Block7A(Tensor x) =>
        cat(
            [
                Chain(x, "Mixed_7a.branch3x3_1", "Mixed_7a.branch3x3_2"),
                Chain(x, [.. Enumerable.Range(1, 4).Select(i => $"Mixed_7a.branch7x7x3_{i}")]),
                MaxPool(x),
            ],
            1
        );

    private Tensor BlockE(string name, Tensor x, bool maximum)
    {
        var single = Convolve(x, $"{name}.branch3x3_1");
        var twice = Chain(x, $"{name}.branch3x3dbl_1", $"{name}.branch3x3dbl_2");
        return cat(
            [
                Convolve(x, $"{name}.branch1x1"),
                Convolve(single, $"{name}.branch3x3_2a"),
                Convolve(single, $"{name}.branch3x3_2b"),
                Convolve(twice, $"{name}.branch3x3dbl_3a"),
                Convolve(twice, $"{name}.branch3x3dbl_3b"),
                Convolve(maximum ? functional.max_pool2d(x, 3, stride: 1, padding: 1) : AveragePool(x), $"{name}.branch_pool"),
            ],
            1
        );
    }

    private Tensor Chain(Tensor x, params string[] names) => names.Aggregate(x, Convolve);

    private Tensor Convolve(Tensor x, string name)
    {
        var (weight, bias, unit) = units[name];
        // Of fewer than 16 images on one thread libtorch gives a 1×1 convolution to NNPACK, which complains on machines that it doesn't know.
        if (unit is { Height: 1, Width: 1 } && x.shape[0] < FewImages)
            return functional.linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).relu_().permute(0, 3, 1, 2);
        long[] padding = unit.Padded ? [unit.Height / 2, unit.Width / 2] : [0, 0];
        return functional.conv2d(x, weight, bias, strides: [unit.Stride, unit.Stride], padding: padding).relu_();
    }

    private static Tensor MaxPool(Tensor x) => functional.max_pool2d(x, 3, stride: 2);

    private Tensor AveragePool(Tensor x) => functional.avg_pool2d(x, 3, stride: 1, padding: 1, count_include_pad: padded);

    // A block's own intermediate results go with it.
    private static Tensor Step(Tensor x, Func<Tensor, Tensor> block)
    {
        using var scope = NewDisposeScope();
        return block(x).MoveToOuterDisposeScope();
    }
}
