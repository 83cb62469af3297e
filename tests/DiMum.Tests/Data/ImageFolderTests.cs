using DiMum.Data;
using NUnit.Framework;
using SkiaSharp;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Data;

public class ImageFolderTests
{
    private TempFolder _folder = null!;

    [SetUp]
    public void SetUp()
    {
        _folder = new TempFolder();
        Picture("train/b/1.png", 8, 8, (_, _) => SKColors.Blue);
        Picture("train/a/2.PNG", 8, 8, (_, _) => SKColors.Red);
        Picture("train/a/1.webp", 8, 8, (_, _) => SKColors.Lime, SKEncodedImageFormat.Webp);
        Picture("train/B/1.jpg", 8, 8, (_, _) => SKColors.White, SKEncodedImageFormat.Jpeg);
        foreach (var name in new[] { "a", "b", "B" })
            Picture($"test/{name}/1.jpeg", 8, 8, (_, _) => SKColors.Black, SKEncodedImageFormat.Jpeg);
    }

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void Classes_and_files_come_in_ordinal_order()
    {
        using var scope = NewDisposeScope();
        using var data = ImageFolder.Load(_folder.Root, 8, 3);
        Assert.That(data.Train.ClassNames, Is.EqualTo(new[] { "B", "a", "b" }));
        Assert.That(data.Train.LabelArray(), Is.EqualTo(new long[] { 0, 1, 1, 2 }));
        Assert.That(data.Train.Images.shape, Is.EqualTo(new long[] { 4, 3, 8, 8 }));
        Assert.That(data.Train.Images[2].bytes.ToArray(), Is.EqualTo(Planes(255, 0, 0)));
        Assert.That(data.Train.Images[3].bytes.ToArray(), Is.EqualTo(Planes(0, 0, 255)));
        Assert.That(data.Train.Name, Is.EqualTo($"{Path.GetFileName(_folder.Root)}@8/train"));
    }

    [Test]
    public void One_channel_is_the_luma_of_BT601()
    {
        using var scope = NewDisposeScope();
        using var data = ImageFolder.Load(_folder.Root, 8, 1);
        Assert.That(data.Train.Images.shape, Is.EqualTo(new long[] { 4, 1, 8, 8 }));
        Assert.That(data.Train.Images[2, 0, 0, 0].item<byte>(), Is.EqualTo(76)); // 0.299·255
        Assert.That(data.Train.Images[3, 0, 0, 0].item<byte>(), Is.EqualTo(29)); // 0.114·255
        Assert.That(data.Train.Images[0, 0, 0, 0].item<byte>(), Is.EqualTo(255));
    }

    [Test]
    public void The_centre_square_is_kept()
    {
        Picture("train/b/1.png", 16, 8, (x, _) => x is >= 4 and < 12 ? SKColors.Blue : SKColors.Red);
        Picture("train/a/2.PNG", 8, 16, (_, y) => new SKColor(0, 0, (byte)(10 * y)));
        using var scope = NewDisposeScope();
        using var data = ImageFolder.Load(_folder.Root, 8, 3);
        Assert.That(data.Train.Images[3].bytes.ToArray(), Is.EqualTo(Planes(0, 0, 255)));
        var firstColumn = data.Train.Images[2][2].select(1, 0).contiguous();
        Assert.That(firstColumn.bytes.ToArray(), Is.EqualTo(Enumerable.Range(4, 8).Select(y => (byte)(10 * y))));
    }

    [TestCase(16)]
    [TestCase(24)]
    [TestCase(40)]
    public void Shrinking_averages_fine_patterns_instead_of_aliasing(int side)
    {
        Picture("train/b/1.png", side, side, (x, _) => x % 2 == 0 ? SKColors.Black : SKColors.White);
        using var scope = NewDisposeScope();
        using var data = ImageFolder.Load(_folder.Root, 8, 1);
        Assert.That(data.Train.Images[3].bytes.ToArray(), Has.All.InRange(115, 140));
    }

    [Test]
    public void Enlarging_keeps_a_flat_colour()
    {
        using var scope = NewDisposeScope();
        using var data = ImageFolder.Load(_folder.Root, 20, 3);
        Assert.That(data.Train.Images[2][0].bytes.ToArray(), Has.All.EqualTo(255));
    }

    [Test]
    public void Transparency_lies_over_white()
    {
        Picture("train/b/1.png", 8, 8, (_, _) => new SKColor(0, 0, 0, 51));
        using var data = ImageFolder.Load(_folder.Root, 8, 3);
        using var last = data.Train.Images[3];
        Assert.That(last.bytes.ToArray(), Has.All.EqualTo(204));
    }

    [Test]
    public void Other_files_and_dotted_names_are_passed_over()
    {
        _folder.Write("train/a/notes.txt", [1]);
        _folder.Write("train/a/._2.png", [1]);
        _folder.Write("train/.cache/x.png", [1]);
        using var data = ImageFolder.Load(_folder.Root, 8, 3);
        Assert.That(data.Train.Count, Is.EqualTo(4));
    }

    [TestCase("train")]
    [TestCase("test")]
    public void A_missing_part_names_the_layout(string part)
    {
        Directory.Delete(_folder[part], recursive: true);
        Refused(_folder[part], "no such folder", "train/<class>/*.png|jpg|jpeg|webp|bmp and test/<class>/…");
    }

    [Test]
    public void A_part_without_classes_names_the_layout()
    {
        Directory.Delete(_folder["test"], recursive: true);
        _folder.Write("test/1.png", [1]);
        Refused(_folder["test"], "has no class folders", "test/<class>/…");
    }

    [Test]
    public void A_class_in_only_one_part_is_named()
    {
        Picture("test/c/1.png", 8, 8, (_, _) => SKColors.Red);
        Refused(_folder.Root, "class 'c' is in only one of train and test");
    }

    [Test]
    public void A_class_without_images_is_named()
    {
        File.Delete(_folder["train/b/1.png"]);
        Refused(_folder["train/b"], "has no images", "*.png|jpg|jpeg|webp|bmp");
    }

    [TestCase("")]
    [TestCase("not an image at all")]
    public void What_is_no_image_is_named(string text)
    {
        var path = _folder.Write("train/a/9.jpg", System.Text.Encoding.ASCII.GetBytes(text));
        Refused(path, "not an image", "PNG, JPEG, WebP or BMP", "replace or remove it");
    }

    [TestCase("train/b/1.png")]
    [TestCase("train/B/1.jpg")]
    [TestCase("train/a/1.webp")]
    public void A_truncated_image_is_named(string name)
    {
        var format = Enum.Parse<SKEncodedImageFormat>(name.EndsWith("jpg") ? "jpeg" : Path.GetExtension(name)[1..], ignoreCase: true);
        Picture(name, 64, 64, (x, y) => new SKColor((byte)(x * y * 37), (byte)(x * 91 + y), (byte)(y * 57)), format);
        var bytes = File.ReadAllBytes(_folder[name]);
        var path = _folder.Write(name, bytes[..(bytes.Length / 2)]);
        Refused(path, "image", "expected a whole PNG, JPEG, WebP or BMP image", "replace or remove it");
    }

    [Test]
    public void A_picture_that_announces_too_many_pixels_is_refused_undecoded()
    {
        var bmp = new byte[54];
        "BM"u8.CopyTo(bmp);
        (bmp[2], bmp[10], bmp[14], bmp[26], bmp[28]) = (54, 54, 40, 1, 24);
        BitConverter.TryWriteBytes(bmp.AsSpan(18), 20_000);
        BitConverter.TryWriteBytes(bmp.AsSpan(22), 20_000);
        Refused(_folder.Write("train/a/9.bmp", bmp), "20000×20000 pixels", "at most 100,000,000");
    }

    [TestCase(0, 3, "image size 0: expected 1…1024")]
    [TestCase(4096, 3, "image size 4096: expected 1…1024")]
    [TestCase(8, 4, "4 image channels: expected 3 (colour) or 1 (greyscale)")]
    public void A_size_or_channels_out_of_range_are_refused(int size, int channels, string message) =>
        Refusal.Of(() => ImageFolder.Load(_folder.Root, size, channels), message);

    private void Refused(params string[] parts) => Refusal.Of(() => ImageFolder.Load(_folder.Root, 8, 3), parts);

    private void Picture(
        string name,
        int width,
        int height,
        Func<int, int, SKColor> colour,
        SKEncodedImageFormat format = SKEncodedImageFormat.Png
    )
    {
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
            bitmap.SetPixel(x, y, colour(x, y));
        using var data = bitmap.Encode(format, 100);
        _folder.Write(name, data.ToArray());
    }

    private static byte[] Planes(byte r, byte g, byte b) =>
        [.. Enumerable.Repeat(r, 64), .. Enumerable.Repeat(g, 64), .. Enumerable.Repeat(b, 64)];
}
