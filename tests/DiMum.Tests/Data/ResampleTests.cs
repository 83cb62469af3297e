using DiMum.Data;
using DiMum.Diffusion;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Data;

/// <summary>Pillow's scaling: worked by hand at small sizes, and against float convolutions with the same kernels.</summary>
public class ResampleTests
{
    [Test]
    public void Small_sizes_by_hand()
    {
        byte[] Row(ResampleFilter filter, int to, params byte[] row) => Resample.Planes(row, 1, row.Length, 1, to, filter);
        Assert.That(Row(ResampleFilter.Bilinear, 4, 0, 255), Is.EqualTo(new byte[] { 0, 64, 191, 255 }));
        // Halving: weights 1/8, 3/8, 3/8, 1/8 inside; at the edges the outer one falls away and the rest are 3/7, 3/7, 1/7.
        Assert.That(Row(ResampleFilter.Bilinear, 2, 70, 0, 140, 0), Is.EqualTo(new byte[] { 50, 60 }));
        // Doubling by the cubic, w(x): w(¼) = 0.8671875, w(¾) = 0.2265625, w(5⁄4) = −0.0703125, w(7⁄4) = −0.0234375; those outside fall away.
        Assert.That(Row(ResampleFilter.Bicubic, 6, 0, 255, 255), Is.EqualTo(new byte[] { 0, 48, 199, 255, 255, 255 }));
    }

    [TestCase(ResampleFilter.Bilinear)]
    [TestCase(ResampleFilter.Bicubic)]
    public void A_flat_image_stays_flat_an_image_of_the_wanted_size_stays_and_axes_are_alike(ResampleFilter filter)
    {
        var flat = Enumerable.Repeat((byte)77, 3 * 13 * 9).ToArray();
        var scaled = Resample.Planes(flat, 13, 9, 5, 20, filter);
        Assert.That(scaled, Has.Length.EqualTo(3 * 5 * 20));
        Assert.That(scaled, Is.All.EqualTo(77));
        using var scope = NewDisposeScope();
        using var generator = new Seed(2).Generator();
        var image = randint(0, 256, [1, 12, 12], ScalarType.Byte, generator: generator);
        Assert.That(Resample.Planes(image.bytes.ToArray(), 12, 12, 12, 12, filter), Is.EqualTo(image.bytes.ToArray()));
        var rows = tensor(Resample.Planes(image.bytes.ToArray(), 12, 12, 12, 7, filter), [12, 7]);
        var columns = tensor(Resample.Planes(image.transpose(1, 2).contiguous().bytes.ToArray(), 12, 12, 7, 12, filter), [7, 12]);
        Assert.That(rows.t().equal(columns).all().item<bool>());
    }

    [TestCase(ResampleFilter.Bilinear, 30, 11)]
    [TestCase(ResampleFilter.Bilinear, 10, 23)]
    [TestCase(ResampleFilter.Bicubic, 30, 11)]
    [TestCase(ResampleFilter.Bicubic, 10, 23)]
    public void Both_axes_are_within_rounding_of_a_float_convolution(ResampleFilter filter, int from, int to)
    {
        using var scope = NewDisposeScope();
        using var generator = new Seed(3).Generator();
        var image = randint(0, 256, [2, from, from], ScalarType.Byte, generator: generator);
        var got = tensor(Resample.Planes(image.bytes.ToArray(), from, from, to, to, filter), [2, to, to]).to(ScalarType.Float64);
        var matrix = zeros(to, from, ScalarType.Float64);
        var widening = Math.Max(1.0, (double)from / to);
        for (var y = 0; y < to; y++)
        for (var x = 0; x < from; x++)
        {
            var d = Math.Abs((x + 0.5 - (y + 0.5) * from / to) / widening);
            var cubic =
                d < 1 ? 1.5 * d * d * d - 2.5 * d * d + 1
                : d < 2 ? -0.5 * d * d * d + 2.5 * d * d - 4 * d + 2
                : 0;
            matrix[y, x] = filter == ResampleFilter.Bilinear ? Math.Max(0, 1 - d) : cubic;
        }

        matrix = matrix / matrix.sum(1, keepdim: true);
        var wide = image.to(ScalarType.Float64).matmul(matrix.t()).round().clamp(0, 255);
        var expected = matrix.matmul(wide).clamp(0, 255);
        Assert.That((got - expected).abs().max().item<double>(), Is.LessThan(1.6)); // rounding of the first pass may fall either way
        Assert.That((got - expected).abs().mean().item<double>(), Is.LessThan(0.3));
    }
}
