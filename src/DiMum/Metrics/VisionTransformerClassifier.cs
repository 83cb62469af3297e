using DiMum.Checkpoints;
using DiMum.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics;

/// <summary>
/// A released classifier of UnlearnCanvas as a measure: images are rounded to 8 bits, scaled to the network's side as Pillow does it (not cut, bilinear),
/// and taken to [−1, 1]; features are the class token's. Source: UnlearnCanvas@920cfd1; there a picture is a JPEG
/// file in between, here it is not.
/// </summary>
public sealed class VisionTransformerClassifier(VisionTransformer network) : IImageClassifier
{
    private const int HeadWidth = 64; // of every published ViT of this family
    private const int Batch = 50;

    public int FeatureCount => network.Config.Width;

    /// <summary>Reads a checkpoint, whose tensors say the shape.</summary>
    /// <param name="path">timm's names, plain or under <c>model_state_dict</c>.</param>
    /// <param name="classes">K that the head must have.</param>
    /// <param name="key">The setting that names the file, for messages.</param>
    /// <param name="device">Where it computes.</param>
    /// <exception cref="UserError">No such network, or a head of another number of classes.</exception>
    public static VisionTransformerClassifier Load(string path, int classes, string key, Device device)
    {
        var config = Shape(path, key);
        if (config.Classes != classes)
            throw new UserError(
                $"{path}: has a head of {config.Classes} classes; {key} needs one of {classes}: give the other classifier's file"
            );
        return new(VisionTransformer.Load(path, config, device));
    }

    /// <inheritdoc/>
    public (Tensor Features, Tensor Logits) Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var (features, logits) = (new List<Tensor>(), new List<Tensor>());
        for (long from = 0; from < x.shape[0]; from += Batch)
        {
            var some = network.Forward(Prepared(x.narrow(0, from, Math.Min(Batch, x.shape[0] - from))));
            features.Add(some.Features);
            logits.Add(some.Logits);
        }

        return (cat(features).MoveToOuterDisposeScope(), cat(logits).MoveToOuterDisposeScope());
    }

    public void Dispose() => network.Dispose();

    private Tensor Prepared(Tensor x)
    {
        var (side, h, w) = (network.Config.ImageSize, (int)x.shape[2], (int)x.shape[3]);
        using var scope = NewDisposeScope();
        var bytes = Pixels.ToBytes(x).cpu().contiguous();
        if (h == side && w == side)
            return Pixels.ToModel(bytes).to(x.device).MoveToOuterDisposeScope();
        var planes = Resample.Planes(bytes.data<byte>().ToArray(), h, w, side, side, ResampleFilter.Bilinear); // [B·3,side,side]
        return Pixels.ToModel(tensor(planes, [x.shape[0], x.shape[1], side, side], ScalarType.Byte)).to(x.device).MoveToOuterDisposeScope();
    }

    private static VisionTransformerConfig Shape(string path, string key)
    {
        using var weights = WeightsFile.Open(path);
        IReadOnlyList<long> Of(string name) =>
            weights.Stored.Keys.FirstOrDefault(k => k == name || k.EndsWith("." + name, StringComparison.Ordinal)) is { } stored
                ? weights.Stored[stored].Shape
                : throw new UserError($"{path}: has no tensor '{name}'; {key} needs a vision transformer with timm's names");
        var (patches, positions) = (Of("patch_embed.proj.weight"), Of("pos_embed")); // [D,3,P,P], [1,1+N,D]
        var layers = 0;
        while (weights.Stored.Keys.Any(k => k.EndsWith($"blocks.{layers}.norm1.weight", StringComparison.Ordinal)))
            layers++;
        var (width, patch) = ((int)patches[0], (int)patches[^1]);
        var side = (int)Math.Round(Math.Sqrt(positions[1] - 1)) * patch;
        return new((int)Of("head.weight")[0], side, patch, width, layers, Math.Max(1, width / HeadWidth));
    }
}
