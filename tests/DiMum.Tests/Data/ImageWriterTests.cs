using DiMum.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Data;

public class ImageWriterTests
{
    private TempFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TempFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void A_grid_reads_back_pixel_by_pixel([Values(1, 3)] int channels, [Values(1, 3)] int scale)
    {
        using var scope = NewDisposeScope();
        var bytes = Enumerable.Range(0, 5 * channels * 12).Select(i => (byte)(i * 41)).ToArray();
        var images = tensor(bytes, [5, channels, 3, 4], ScalarType.Byte);
        ImageWriter.Grid(images, columns: 2, scale, _folder["new/folder/grid.png"]);

        var sheet = ImageWriter.Read(_folder["new/folder/grid.png"]);
        Assert.That(sheet.shape, Is.EqualTo(new long[] { channels, (3 * 4 + 1) * scale, (2 * 5 + 1) * scale }));
        var pixels = sheet.slice(1, scale - 1, long.MaxValue, scale).slice(2, 0, long.MaxValue, scale); // one of each square
        var enlarged = pixels.repeat_interleave(scale, 1).repeat_interleave(scale, 2);
        Assert.That(enlarged.bytes.ToArray(), Is.EqualTo(sheet.bytes.ToArray()), "squares of one colour");
        var rest = pixels.contiguous().clone();
        for (var i = 0; i < 5; i++)
        {
            var cell = pixels.narrow(1, i / 2 * 4 + 1, 3).narrow(2, i % 2 * 5 + 1, 4);
            Assert.That(cell.contiguous().bytes.ToArray(), Is.EqualTo(images[i].bytes.ToArray()), $"image {i}");
            rest.narrow(1, i / 2 * 4 + 1, 3).narrow(2, i % 2 * 5 + 1, 4).fill_(ImageWriter.Background);
        }
        Assert.That(rest.bytes.ToArray(), Has.All.EqualTo(ImageWriter.Background), "gaps");
    }

    [Test]
    public void An_older_file_is_replaced_and_nothing_else_is_left()
    {
        using var scope = NewDisposeScope();
        var path = _folder.Write("grid.png", [1, 2, 3]);
        ImageWriter.Grid(zeros([1, 1, 2, 2], ScalarType.Byte), 1, 1, path);
        Assert.That(ImageWriter.Read(path).shape, Is.EqualTo(new long[] { 1, 4, 4 }));
        Assert.That(Directory.GetFileSystemEntries(_folder.Root), Is.EqualTo(new[] { path }));
    }

    [Test]
    public void A_path_below_a_file_is_named()
    {
        using var images = zeros([1, 1, 2, 2], ScalarType.Byte);
        var path = Path.Combine(_folder.Write("file", [1]), "grid.png");
        Refusal.Of(
            () => ImageWriter.Grid(images, 1, 1, path),
            path,
            "cannot be written",
            "expected a writable folder",
            "choose another path"
        );
    }

    [Test]
    public void A_folder_in_the_files_place_is_named()
    {
        using var images = zeros([1, 1, 2, 2], ScalarType.Byte);
        Refusal.Of(() => ImageWriter.Grid(images, 1, 1, _folder.Root), _folder.Root, "is a folder", "choose another path");
        Assert.That(Directory.GetFileSystemEntries(_folder.Root), Is.Empty);
    }

    [Test, Platform("Linux")]
    public void A_read_only_place_is_named()
    {
        using var images = zeros([1, 1, 2, 2], ScalarType.Byte);
        Refusal.Of(() => ImageWriter.Grid(images, 1, 1, "/proc/grid.png"), "/proc/grid.png", "cannot be written");
    }

    [Test]
    public void A_missing_picture_is_named() =>
        Refusal.Of(() => ImageWriter.Read(_folder["none.png"]), _folder["none.png"], "no such file", "PNG, JPEG, WebP or BMP");

    [TestCase(0, 1)]
    [TestCase(1, 0)]
    public void Columns_and_scale_are_at_least_one(int columns, int scale)
    {
        using var images = zeros([1, 1, 2, 2], ScalarType.Byte);
        Assert.That(() => ImageWriter.Grid(images, columns, scale, _folder["x.png"]), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Other_tensors_are_refused()
    {
        using var scope = NewDisposeScope();
        foreach (var wrong in new[] { zeros([1, 1, 2, 2]), zeros([1, 2, 2, 2], ScalarType.Byte), zeros([0, 1, 2, 2], ScalarType.Byte) })
            Assert.That(() => ImageWriter.Grid(wrong, 1, 1, _folder["x.png"]), Throws.ArgumentException);
    }
}
