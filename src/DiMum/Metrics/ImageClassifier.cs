using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Metrics;

/// <summary>Shape of the small residual classifier.</summary>
/// <param name="Classes">K.</param>
/// <param name="ImageChannels">C.</param>
/// <param name="Widths">Width of each level; each level after the first halves the resolution. Multiples of 8.</param>
/// <param name="Blocks">Residual blocks a level.</param>
public sealed record ClassifierConfig(int Classes, int ImageChannels, IReadOnlyList<int> Widths, int Blocks = 1);

/// <summary>
/// A small residual network (conv, GroupNorm, SiLU; global average pooling; linear head), trained in the run itself. It measures accuracy rates,
/// and its pooled features [B,d] carry the Fréchet distance. It is not the ResNet-34 of the released evaluation.
/// </summary>
public sealed class ImageClassifier : IImageClassifier
{
    private sealed record Block(Norm Norm1, Conv Conv1, Norm Norm2, Conv Conv2, Conv? Shortcut)
    {
        public Tensor Forward(Tensor x)
        {
            var h = Conv1.Forward(Norm1.ForwardSilu(x));
            return (Shortcut is null ? x : Shortcut.Forward(x)) + Conv2.Forward(Norm2.ForwardSilu(h));
        }
    }

    private readonly Conv input;
    private readonly List<(Block Block, bool Halve)> blocks = [];
    private readonly Norm outputNorm;
    private readonly Linear head;

    public ImageClassifier(ClassifierConfig config, Device device, Generator generator)
    {
        Config = config;
        var root = new ParameterScope(new ParameterDeclarations());
        long width = config.Widths[0];
        input = new(root.Sub("conv_in"), config.ImageChannels, width, 3, padding: 1);
        for (var level = 0; level < config.Widths.Count; level++)
        for (var i = 0; i < config.Blocks; i++)
        {
            long to = config.Widths[level];
            var scope = root.Sub($"block.{level}.{i}");
            var block = new Block(
                new(scope.Sub("norm1"), width, 8),
                new(scope.Sub("conv1"), width, to, 3, padding: 1),
                new(scope.Sub("norm2"), to, 8),
                new(scope.Sub("conv2"), to, to, 3, padding: 1),
                width == to ? null : new(scope.Sub("shortcut"), width, to, 1)
            );
            blocks.Add((block, level > 0 && i == 0));
            width = to;
        }

        FeatureCount = (int)width;
        outputNorm = new(root.Sub("norm_out"), width, 8);
        head = new(root.Sub("head"), width, config.Classes);
        Parameters = new(root.Into, device, generator);
    }

    public ClassifierConfig Config { get; }

    public ParameterVector Parameters { get; }

    public int FeatureCount { get; }

    public (Tensor Features, Tensor Logits) Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var h = input.Forward(x);
        foreach (var (block, halve) in blocks)
            h = block.Forward(halve ? functional.avg_pool2d(h, 2) : h);
        var features = outputNorm.ForwardSilu(h).mean([2, 3]); // [B,d]
        return (features.MoveToOuterDisposeScope(), head.Forward(features).MoveToOuterDisposeScope());
    }

    public void Dispose() => Parameters.Dispose();
}
