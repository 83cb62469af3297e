using DiMum.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Data;

public class PixelsTests
{
    [Test]
    public void Every_byte_comes_back()
    {
        using var scope = NewDisposeScope();
        var bytes = arange(256, ScalarType.Byte);
        Assert.That(Pixels.ToBytes(Pixels.ToModel(bytes)).bytes.ToArray(), Is.EqualTo(bytes.bytes.ToArray()));
    }

    [Test]
    public void Every_value_comes_back_within_one_255th()
    {
        using var scope = NewDisposeScope();
        var x = linspace(-1, 1, 10_001);
        Assert.That((Pixels.ToModel(Pixels.ToBytes(x)) - x).abs().max().item<float>(), Is.LessThanOrEqualTo(1f / 255 + 1e-6f));
    }

    [Test]
    public void Values_beyond_the_range_are_clamped()
    {
        using var scope = NewDisposeScope();
        Assert.That(Pixels.ToBytes(tensor(new[] { -9f, -1f, 1f, 9f })).bytes.ToArray(), Is.EqualTo(new byte[] { 0, 0, 255, 255 }));
    }
}
