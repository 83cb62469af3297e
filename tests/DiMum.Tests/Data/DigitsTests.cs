using DiMum.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Data;

public class DigitsTests
{
    private DataSplits _digits = null!;

    [OneTimeSetUp]
    public void Load() => _digits = Digits.Load();

    [OneTimeTearDown]
    public void Unload() => _digits.Dispose();

    [Test]
    public void There_are_1438_to_train_and_359_to_test()
    {
        Assert.That(_digits.Train.Images.shape, Is.EqualTo(new long[] { 1438, 1, 8, 8 }));
        Assert.That(_digits.Test.Images.shape, Is.EqualTo(new long[] { 359, 1, 8, 8 }));
        Assert.That(_digits.Train.Count + _digits.Test.Count, Is.EqualTo(1797));
        Assert.That((_digits.Train.Name, _digits.Test.Name), Is.EqualTo(("digits/train", "digits/test")));
    }

    [Test]
    public void Ten_classes_each_occur_in_both_parts()
    {
        Assert.That(_digits.Train.ClassNames, Is.EqualTo(new[] { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" }));
        Assert.That(_digits.Train.LabelArray().Distinct().Order(), Is.EqualTo(Enumerable.Range(0, 10)));
        Assert.That(_digits.Test.LabelArray().Distinct().Order(), Is.EqualTo(Enumerable.Range(0, 10)));
    }

    [Test]
    public void Both_parts_together_have_the_published_class_counts()
    {
        var counts = _digits.Train.LabelArray().Concat(_digits.Test.LabelArray()).CountBy(l => l).OrderBy(p => p.Key).Select(p => p.Value);
        Assert.That(counts, Is.EqualTo(new[] { 178, 182, 177, 183, 181, 182, 181, 179, 174, 180 }));
    }

    [Test]
    public void No_test_image_is_also_a_training_image() => Assert.That(Rows(_digits.Train).Intersect(Rows(_digits.Test)), Is.Empty);

    [Test]
    public void Values_0_to_16_span_0_to_255()
    {
        using var scope = NewDisposeScope();
        var levels = Enumerable.Range(0, 17).Select(v => (byte)Math.Round(v * 255 / 16.0)).ToArray();
        Assert.That(_digits.Train.Images.bytes.ToArray().Distinct().Order(), Is.EqualTo(levels));
        byte[] firstRow = [0, 0, 80, 207, 143, 16, 0, 0]; // 0 0 5 13 9 1 0 0 in the file
        Assert.That(_digits.Train.Images[0][0][0].bytes.ToArray(), Is.EqualTo(firstRow));
    }

    [Test]
    public void The_licence_names_its_authors() =>
        Assert.That(Digits.Attribution, Does.Contain("Alpaydin").And.Contains("Kaynak").And.Contains("CC BY 4.0"));

    private static IEnumerable<string> Rows(Dataset data) => data.Images.bytes.ToArray().Chunk(64).Select(Convert.ToHexString).ToArray();
}
