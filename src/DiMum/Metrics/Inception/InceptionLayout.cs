namespace DiMum.Metrics.Inception;

/// <summary>Which Inception-v3: two networks of one family whose features are not comparable.</summary>
public enum InceptionVariant
{
    /// <summary>The TensorFlow network of 2015-12-05 that FID is defined on, as pytorch-fid carries it: 1008 classes, average pools without the padding, a max pool in the last block.</summary>
    Fid,

    /// <summary>torchvision's <c>inception_v3</c>: 1000 classes, average pools with the padding, an auxiliary head (not computed here).</summary>
    Torchvision,
}

/// <summary>A convolution without bias, followed by batch normalisation (ε = 10⁻³) and ReLU.</summary>
/// <param name="Name">Place in the network, for example <c>Mixed_6d.branch1x1</c>.</param>
/// <param name="From">Input channels.</param>
/// <param name="To">Output channels.</param>
/// <param name="Height">Kernel height.</param>
/// <param name="Width">Kernel width.</param>
/// <param name="Stride">In both directions.</param>
/// <param name="Padded">Zeros around so that the size stays (at stride 1), or none.</param>
internal sealed record ConvUnit(string Name, long From, long To, long Height, long Width, long Stride, bool Padded);

/// <summary>The network's convolutions and the names and shapes of its weights, in the order of the published files.</summary>
internal static class InceptionLayout
{
    /// <summary>d of the pooled features.</summary>
    public const int Features = 2048;

    /// <summary>The layer whose first 7 channels on the 17×17 map are sFID's features (TensorFlow's <c>mixed_6/conv</c>).</summary>
    public const string SpatialLayer = "Mixed_6d.branch1x1";

    /// <summary>Convolutions on the way to the features.</summary>
    public static IReadOnlyList<ConvUnit> Convolutions { get; } = [.. Before7(), .. After6()];

    /// <summary>Every tensor of a weights file, in order; <paramref name="classes"/> is 1008 or 1000.</summary>
    public static IEnumerable<(string Name, long[] Shape)> Tensors(InceptionVariant variant, long classes)
    {
        var head = Before7().SelectMany(Tensors);
        if (variant == InceptionVariant.Torchvision)
            head = head.Concat(new[] { Unit("AuxLogits.conv0", 768, 128), Unit("AuxLogits.conv1", 128, 768, 5) }.SelectMany(Tensors))
                .Concat([("AuxLogits.fc.weight", [classes, 768L]), ("AuxLogits.fc.bias", [classes])]);
        return head.Concat(After6().SelectMany(Tensors)).Concat([("fc.weight", [classes, Features]), ("fc.bias", [classes])]);
    }

    private static IEnumerable<(string Name, long[] Shape)> Tensors(ConvUnit unit)
    {
        yield return ($"{unit.Name}.conv.weight", [unit.To, unit.From, unit.Height, unit.Width]);
        foreach (var name in new[] { "weight", "bias", "running_mean", "running_var" })
            yield return ($"{unit.Name}.bn.{name}", [unit.To]);
        yield return ($"{unit.Name}.bn.num_batches_tracked", []);
    }

    private static IEnumerable<ConvUnit> Before7() =>
        [
            new("Conv2d_1a_3x3", 3, 32, 3, 3, 2, false),
            new("Conv2d_2a_3x3", 32, 32, 3, 3, 1, false),
            Unit("Conv2d_2b_3x3", 32, 64, 3),
            Unit("Conv2d_3b_1x1", 64, 80),
            new("Conv2d_4a_3x3", 80, 192, 3, 3, 1, false),
            .. BlockA("Mixed_5b", 192, 32),
            .. BlockA("Mixed_5c", 256, 64),
            .. BlockA("Mixed_5d", 288, 64),
            new("Mixed_6a.branch3x3", 288, 384, 3, 3, 2, false),
            Unit("Mixed_6a.branch3x3dbl_1", 288, 64),
            Unit("Mixed_6a.branch3x3dbl_2", 64, 96, 3),
            new("Mixed_6a.branch3x3dbl_3", 96, 96, 3, 3, 2, false),
            .. BlockC("Mixed_6b", 128),
            .. BlockC("Mixed_6c", 160),
            .. BlockC("Mixed_6d", 160),
            .. BlockC("Mixed_6e", 192),
        ];

    private static IEnumerable<ConvUnit> After6() =>
        [
            Unit("Mixed_7a.branch3x3_1", 768, 192),
            new("Mixed_7a.branch3x3_2", 192, 320, 3, 3, 2, false),
            Unit("Mixed_7a.branch7x7x3_1", 768, 192),
            Unit("Mixed_7a.branch7x7x3_2", 192, 192, 1, 7),
            Unit("Mixed_7a.branch7x7x3_3", 192, 192, 7, 1),
            new("Mixed_7a.branch7x7x3_4", 192, 192, 3, 3, 2, false),
            .. BlockE("Mixed_7b", 1280),
            .. BlockE("Mixed_7c", 2048),
        ];

    private static ConvUnit[] BlockA(string name, long from, long pool) =>
        [
            Unit($"{name}.branch1x1", from, 64),
            Unit($"{name}.branch5x5_1", from, 48),
            Unit($"{name}.branch5x5_2", 48, 64, 5),
            Unit($"{name}.branch3x3dbl_1", from, 64),
            Unit($"{name}.branch3x3dbl_2", 64, 96, 3),
            Unit($"{name}.branch3x3dbl_3", 96, 96, 3),
            Unit($"{name}.branch_pool", from, pool),
        ];

    private static ConvUnit[] BlockC(string name, long inner) =>
        [
            Unit($"{name}.branch1x1", 768, 192),
            Unit($"{name}.branch7x7_1", 768, inner),
            Unit($"{name}.branch7x7_2", inner, inner, 1, 7),
            Unit($"{name}.branch7x7_3", inner, 192, 7, 1),
            Unit($"{name}.branch7x7dbl_1", 768, inner),
            Unit($"{name}.branch7x7dbl_2", inner, inner, 7, 1),
            Unit($"{name}.branch7x7dbl_3", inner, inner, 1, 7),
            Unit($"{name}.branch7x7dbl_4", inner, inner, 7, 1),
            Unit($"{name}.branch7x7dbl_5", inner, 192, 1, 7),
            Unit($"{name}.branch_pool", 768, 192),
        ];

    private static ConvUnit[] BlockE(string name, long from) =>
        [
            Unit($"{name}.branch1x1", from, 320),
            Unit($"{name}.branch3x3_1", from, 384),
            Unit($"{name}.branch3x3_2a", 384, 384, 1, 3),
            Unit($"{name}.branch3x3_2b", 384, 384, 3, 1),
            Unit($"{name}.branch3x3dbl_1", from, 448),
            Unit($"{name}.branch3x3dbl_2", 448, 384, 3),
            Unit($"{name}.branch3x3dbl_3a", 384, 384, 1, 3),
            Unit($"{name}.branch3x3dbl_3b", 384, 384, 3, 1),
            Unit($"{name}.branch_pool", from, 192),
        ];

    private static ConvUnit Unit(string name, long from, long to, long height = 1, long? width = null) =>
        new(name, from, to, height, width ?? height, 1, true);
}
