using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>
/// MNIST and its drop-in replacements (Fashion-MNIST) from IDX files: <c>train-images-idx3-ubyte</c>, <c>train-labels-idx1-ubyte</c>,
/// <c>t10k-images-idx3-ubyte</c> and <c>t10k-labels-idx1-ubyte</c>, plain or gzip-compressed, also spelt <c>train-images.idx3-ubyte</c>.
/// </summary>
public static class Idx
{
    private const int Side = 28;
    private const int Classes = 10;

    private static readonly string[] FashionNames =
    [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ];

    /// <summary><c>name/train</c> and <c>name/test</c> (the <c>t10k</c> files), uint8 [N,1,28,28], 10 classes.</summary>
    /// <param name="folder">The folder of the four files.</param>
    /// <param name="name"><c>fashion-mnist</c> has its own class names; all else is named by digit.</param>
    /// <exception cref="UserError">A file is missing, unreadable, malformed, of the wrong size or has a label above 9.</exception>
    public static DataSplits Load(string folder, string name = "mnist")
    {
        IReadOnlyList<string> names =
            name == "fashion-mnist"
                ? FashionNames
                : [.. Enumerable.Range(0, Classes).Select(d => d.ToString(CultureInfo.InvariantCulture))];
        var root = InputFile.Folder(folder, "the four IDX files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-… (plain or .gz)");
        using var scope = NewDisposeScope();
        var train = Read(root, "train");
        var test = Read(root, "t10k");
        return new DataSplits(
            new Dataset($"{name}/train", train.Images, train.Labels, names),
            new Dataset($"{name}/test", test.Images, test.Labels, names)
        );
    }

    private static (Tensor Images, Tensor Labels) Read(string root, string part)
    {
        using var imageFile = IdxFile.Open(Find(root, $"{part}-images", "idx3-ubyte"), Side, Side);
        using var labelFile = IdxFile.Open(Find(root, $"{part}-labels", "idx1-ubyte"));
        if (imageFile.Count != labelFile.Count)
            throw new UserError(
                $"{labelFile.Path}: has {labelFile.Count:N0} labels, expected {imageFile.Count:N0}, one for each image in "
                    + $"{imageFile.Path}; take both from the same data set"
            );
        var labels = labelFile.Read(); // [N]
        var bytes = labels.bytes;
        for (var i = 0; i < bytes.Length; i++)
            if (bytes[i] >= Classes)
                throw new UserError(
                    $"{labelFile.Path}: record {i:N0} (from 0) has label {bytes[i]}, expected 0…{Classes - 1}; use a set of ten classes"
                );
        return (imageFile.Read().unsqueeze(1), labels.to(ScalarType.Int64)); // [N,1,28,28], [N]
    }

    private static string Find(string root, string stem, string kind)
    {
        string[] spellings = [$"{stem}-{kind}", $"{stem}.{kind}", $"{stem}-{kind}.gz", $"{stem}.{kind}.gz"];
        var paths = spellings.Select(s => Path.Combine(root, s)).ToArray();
        return paths.FirstOrDefault(Path.Exists)
            ?? throw new UserError(
                $"{paths[0]}: no such file, expected it plain or with .gz at the end; put the four IDX files into {root}"
            );
    }
}
