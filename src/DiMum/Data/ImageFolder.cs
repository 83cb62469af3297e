using SkiaSharp;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>Labelled pictures, laid out as <c>train/&lt;class&gt;/*</c> and <c>test/&lt;class&gt;/*</c> (PNG, JPEG, WebP, BMP).</summary>
public static class ImageFolder
{
    private const int MostPixels = 1024;
    private const string Layout = "train/<class>/*.png|jpg|jpeg|webp|bmp and test/<class>/… with the same classes";

    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".webp", ".bmp"];

    /// <summary>
    /// <c>folder@size/train</c> and <c>folder@size/test</c>, uint8 [N,C,size,size]: each picture's largest centred square, resized. Classes
    /// and files are in ordinal order of their names; names that start with a dot are passed over.
    /// </summary>
    /// <param name="folder">The folder that holds <c>train</c> and <c>test</c>.</param>
    /// <param name="size">Side of the result in pixels, 1…1,024.</param>
    /// <param name="channels">3 for colour or 1 for greyscale (ITU-R BT.601 luma).</param>
    /// <exception cref="UserError">The layout is another, a file is no readable image, or size or channels are out of range.</exception>
    public static DataSplits Load(string folder, int size, int channels)
    {
        if (size is < 1 or > MostPixels)
            throw new UserError($"image size {size}: expected 1…{MostPixels} pixels");
        if (channels is not (1 or 3))
            throw new UserError($"{channels} image channels: expected 3 (colour) or 1 (greyscale)");
        var root = InputFile.Folder(folder, Layout);
        var name = $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(root))}@{size}";
        using var scope = NewDisposeScope();
        var classes = Classes(root, "train");
        var testClasses = Classes(root, "test");
        var odd = classes.Except(testClasses).Concat(testClasses.Except(classes)).FirstOrDefault();
        if (odd != null)
            throw new UserError($"{root}: class '{odd}' is in only one of train and test, expected {Layout}");
        var train = Read(Path.Combine(root, "train"), classes, size, channels);
        var test = Read(Path.Combine(root, "test"), classes, size, channels);
        return new DataSplits(
            new Dataset($"{name}/train", train.Images, train.Labels, classes),
            new Dataset($"{name}/test", test.Images, test.Labels, classes)
        );
    }

    private static string[] Classes(string root, string part)
    {
        var folder = InputFile.Folder(Path.Combine(root, part), Layout);
        string[] classes = [.. InputFile.List(folder, folders: true).Select(p => Path.GetFileName(p))];
        return classes.Length > 0 ? classes : throw new UserError($"{folder}: has no class folders, expected {Layout}");
    }

    private static (Tensor Images, Tensor Labels) Read(string folder, string[] classes, int size, int channels)
    {
        var files = new List<(string Path, long Label)>();
        for (var label = 0; label < classes.Length; label++)
        {
            var classFolder = Path.Combine(folder, classes[label]);
            var found = InputFile.List(classFolder, folders: false).Where(IsImage).Select(p => (p, (long)label)).ToList();
            if (found.Count == 0)
                throw new UserError($"{classFolder}: has no images, expected {Layout}");
            files.AddRange(found);
        }

        var images = empty([files.Count, channels, size, size], ScalarType.Byte); // [N,C,size,size]
        for (var i = 0; i < files.Count; i++)
        {
            using var target = images[i];
            using var square = Square(files[i].Path, size);
            ImageFile.Planes(square, channels).CopyTo(target.bytes);
        }
        return (images, tensor(files.Select(f => f.Label).ToArray(), ScalarType.Int64));
    }

    private static bool IsImage(string path) => Extensions.Contains(Path.GetExtension(path).ToLowerInvariant());

    private static SKBitmap Square(string path, int size)
    {
        using var whole = ImageFile.Decode(path).Rgba;
        var side = Math.Min(whole.Width, whole.Height);
        using var crop = new SKBitmap();
        whole.ExtractSubset(crop, SKRectI.Create((whole.Width - side) / 2, (whole.Height - side) / 2, side, side));
        if (side == size)
            return crop.Copy();
        // Shrinking averages (mipmaps), so that fine patterns do not alias; enlarging is bicubic.
        var sampling = side > size ? new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear) : new(SKCubicResampler.Mitchell);
        return crop.Resize(new SKImageInfo(size, size, SKColorType.Rgba8888, SKAlphaType.Unpremul), sampling);
    }
}
