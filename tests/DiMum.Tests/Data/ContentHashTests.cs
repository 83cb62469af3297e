using DiMum.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Data;

public class ContentHashTests
{
    [Test]
    public void The_hash_is_pinned()
    {
        // Python: sha256(pack('<4q', 2, 1, 2, 2) + bytes(range(8)) + pack('<2q', 0, 1)).hexdigest()[:16]
        using var data = Of("a");
        Assert.That(ContentHash.Of(data), Is.EqualTo("e6df0b303cf802e0"));
    }

    [Test]
    public void The_name_does_not_enter()
    {
        using var a = Of("a");
        using var b = Of("b");
        Assert.That(ContentHash.Of(a), Is.EqualTo(ContentHash.Of(b)));
    }

    [Test]
    public void One_pixel_one_label_or_the_shape_changes_it()
    {
        using var data = Of("a");
        using var pixel = Of("a", last: 8);
        using var label = Of("a", label: 2);
        using var shape = Of("a", height: 1, width: 4);
        var hashes = new[] { data, pixel, label, shape }.Select(ContentHash.Of).ToArray();
        Assert.That(hashes, Is.Unique);
        Assert.That(hashes, Has.All.Match("^[0-9a-f]{16}$"));
    }

    [Test]
    public void The_built_in_digits_are_these()
    {
        using var digits = Digits.Load();
        Assert.That((ContentHash.Of(digits.Train), ContentHash.Of(digits.Test)), Is.EqualTo(("21a193537fe79ce9", "4e31636a057c6c1b")));
    }

    private static Dataset Of(string name, byte last = 7, long label = 1, long height = 2, long width = 2) =>
        new(
            name,
            tensor(new byte[] { 0, 1, 2, 3, 4, 5, 6, last }, [2, 1, height, width], ScalarType.Byte),
            tensor(new long[] { 0, label }, ScalarType.Int64),
            ["x", "y"]
        );
}
