using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>
/// Labelled images as two tensors: pixels uint8 [N,C,H,W] in 0…255 and labels int64 [N] in 0…K−1. Moved to a device once, as bytes;
/// pixels become floats in [−1, 1] only where a batch is drawn (see <see cref="IImageCode"/>). Or an autoencoder's moments, float32, or points of d
/// coordinates, float32 [N,d,1,1].
/// </summary>
public sealed class Dataset : IDisposable
{
    /// <param name="name">What the images are, as results name them, for example <c>cifar10/train</c>.</param>
    /// <param name="images">uint8 [N,C,H,W], moments float32 [N,2C,h,w] or points float32 [N,d,1,1]; the data set owns it from here on.</param>
    /// <param name="labels">int64 [N] in 0…K−1; the data set owns it from here on.</param>
    /// <param name="classNames">K names, in label order.</param>
    public Dataset(string name, Tensor images, Tensor labels, IReadOnlyList<string> classNames)
    {
        if (images.dtype is not (ScalarType.Byte or ScalarType.Float32) || images.dim() != 4)
            throw new ArgumentException(
                $"images of '{name}': expected uint8 or float32 [N,C,H,W], got {images.dtype} [{string.Join(',', images.shape)}]"
            );
        if (labels.dtype != ScalarType.Int64 || labels.dim() != 1 || labels.shape[0] != images.shape[0])
            throw new ArgumentException(
                $"labels of '{name}': expected int64 [{images.shape[0]}], got {labels.dtype} [{string.Join(',', labels.shape)}]"
            );
        Name = name;
        Images = images.DetachFromDisposeScope();
        Labels = labels.DetachFromDisposeScope();
        ClassNames = classNames;
    }

    public string Name { get; }

    /// <summary>Pixels, uint8 [N,C,H,W]; or moments or points, float32.</summary>
    public Tensor Images { get; }

    /// <summary>Whether the data are points, not images.</summary>
    public bool IsPoints => Images.dtype == ScalarType.Float32 && Height * Width == 1;

    /// <summary>What a denoiser or classifier is given of some of the <see cref="Images"/>: pixels in [−1, 1], or points as they are; a new tensor.</summary>
    public static Tensor ToModel(Tensor stored) => stored.dtype == ScalarType.Float32 ? stored.clone() : Pixels.ToModel(stored);

    /// <summary>Labels, int64 [N].</summary>
    public Tensor Labels { get; }

    public IReadOnlyList<string> ClassNames { get; }

    public long Count => Images.shape[0];
    public int Channels => (int)Images.shape[1];
    public int Height => (int)Images.shape[2];
    public int Width => (int)Images.shape[3];

    /// <summary>The labels as an array, in order.</summary>
    public long[] LabelArray()
    {
        using var scope = NewDisposeScope();
        return Labels.cpu().data<long>().ToArray();
    }

    /// <summary>The images whose label satisfies <paramref name="keep"/>, in order.</summary>
    public Dataset Where(string name, Func<int, bool> keep)
    {
        var labels = LabelArray();
        return Take(name, Enumerable.Range(0, labels.Length).Where(i => keep((int)labels[i])).Select(i => (long)i).ToArray());
    }

    /// <summary>The images at <paramref name="indices"/>, in that order.</summary>
    public Dataset Take(string name, long[] indices)
    {
        using var scope = NewDisposeScope();
        var index = tensor(indices, ScalarType.Int64).to(Images.device); // [n]
        return new Dataset(name, Images.index_select(0, index), Labels.index_select(0, index), ClassNames);
    }

    /// <summary>Every k-th image from the first, k = ⌊N/<paramref name="about"/>⌋ but at least 1.</summary>
    public Dataset Spread(string name, int about)
    {
        var every = Math.Max(1, (int)Count / about);
        return Take(name, [.. Enumerable.Range(0, (int)Count).Where(i => i % every == 0).Select(i => (long)i)]);
    }

    /// <summary>The same images under other labels; shares their memory and must be disposed of before it.</summary>
    /// <param name="name">Of the result.</param>
    /// <param name="labelOf">From label to label.</param>
    /// <param name="classNames">Of the new labels.</param>
    public Dataset Relabelled(string name, Func<int, int> labelOf, IReadOnlyList<string> classNames)
    {
        using var scope = NewDisposeScope();
        var labels = LabelArray().Select(label => (long)labelOf((int)label)).ToArray();
        return new Dataset(name, Images.alias(), tensor(labels, ScalarType.Int64, Labels.device), classNames);
    }

    /// <summary>The same images on another device.</summary>
    public Dataset To(Device device) => new(Name, Images.to(device, copy: true), Labels.to(device, copy: true), ClassNames);

    public void Dispose()
    {
        Images.Dispose();
        Labels.Dispose();
    }
}

/// <summary>A data set's two official parts. Unlearning sees <see cref="Train"/>; <see cref="Test"/> serves the classifier and DiMRA's assumption (ii).</summary>
public sealed record DataSplits(Dataset Train, Dataset Test) : IDisposable
{
    public void Dispose()
    {
        Train.Dispose();
        Test.Dispose();
    }
}
