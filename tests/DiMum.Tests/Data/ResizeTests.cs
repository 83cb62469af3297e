using DiMum.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Data;

public class ResizeTests
{
    [Test]
    public void Each_pixel_is_the_rounded_mean_of_its_box([Values(1, 2, 4, 8)] int size)
    {
        using var scope = NewDisposeScope();
        var bytes = Enumerable.Range(0, 3 * 2 * 64).Select(i => (byte)(i * 37 + i / 11)).ToArray();
        using var data = Of(bytes, 3, 2, 8, 8);
        using var small = Resize.Area(data, size);
        Assert.That(small.Images.shape, Is.EqualTo(new long[] { 3, 2, size, size }));
        Assert.That(small.Images.bytes.ToArray(), Is.EqualTo(Expected(bytes, 6, 8, size)));
        Assert.That(small.LabelArray(), Is.EqualTo(data.LabelArray()));
        Assert.That(small.Name, Is.EqualTo($"some@{size}"));
    }

    [Test]
    public void Halves_round_up()
    {
        using var scope = NewDisposeScope();
        using var data = Of([0, 0, 1, 1, 2, 3, 2, 3], 2, 1, 2, 2);
        using var small = Resize.Area(data, 1);
        Assert.That(small.Images.bytes.ToArray(), Is.EqualTo(new byte[] { 1, 3 }));
    }

    [Test]
    public void White_stays_white_and_more_images_than_one_chunk_all_arrive()
    {
        using var scope = NewDisposeScope();
        using var data = new Dataset("some", full([1000, 1, 4, 4], (byte)255, ScalarType.Byte), zeros(1000, ScalarType.Int64), ["a"]);
        using var small = Resize.Area(data, 2);
        Assert.That(small.Images.bytes.ToArray(), Has.Length.EqualTo(4_000).And.All.EqualTo(255));
    }

    [TestCase(3)]
    [TestCase(0)]
    [TestCase(-2)]
    [TestCase(16)]
    public void A_size_that_does_not_divide_is_refused_with_those_that_do(int size)
    {
        using var data = Of(new byte[64], 1, 1, 8, 8);
        Refusal.Of(() => Resize.Area(data, size), "some", $"size {size}", "expected one of 1, 2, 4, 8");
    }

    [Test]
    public void Oblong_images_are_refused()
    {
        using var data = Of(new byte[32], 1, 1, 4, 8);
        Refusal.Of(() => Resize.Area(data, 4), "some", "4×8", "square");
    }

    private static Dataset Of(byte[] bytes, params long[] shape) =>
        new("some", tensor(bytes, shape, ScalarType.Byte), arange(shape[0], ScalarType.Int64), ["a", "b", "c"]);

    private static byte[] Expected(byte[] bytes, int planes, int side, int size)
    {
        var k = side / size;
        var means = new byte[planes * size * size];
        for (var i = 0; i < means.Length; i++)
        {
            var (plane, y, x) = (i / (size * size), i / size % size, i % size);
            var box = from dy in Enumerable.Range(0, k) from dx in Enumerable.Range(0, k) select (y * k + dy) * side + x * k + dx;
            means[i] = (byte)Math.Floor(box.Average(at => bytes[plane * side * side + at]) + 0.5);
        }
        return means;
    }
}
