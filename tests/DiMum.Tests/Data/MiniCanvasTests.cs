using DiMum.Data;
using DiMum.Data.MiniCanvas;
using DiMum.Data.UnlearnCanvas;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Data;

public class MiniCanvasTests
{
    private const int Each = 6;
    private Dataset some = null!;

    [OneTimeSetUp]
    public void Draw() => some = MiniCanvasSet.Draw("some", Each, 0, seed: 3);

    [OneTimeTearDown]
    public void Clean() => some.Dispose();

    [Test]
    public void Every_style_has_every_object_and_every_label_equally_often()
    {
        Assert.That(some.Images.shape, Is.EqualTo(new long[] { Each * 64, 3, 32, 32 }));
        Assert.That(some.ClassNames, Has.Count.EqualTo(64).And.Contains("Van Gogh House").And.Contains("Abstractionism House"));
        Assert.That(some.LabelArray().CountBy(l => l).Select(p => p.Value), Is.EqualTo(Enumerable.Repeat(Each, 64)));
        for (var label = 0; label < 64; label++)
            Assert.That(
                some.ClassNames[label],
                Is.EqualTo(
                    $"{MiniCanvasSet.Styles[MiniCanvasSet.Labels.StyleOf(label)]} {MiniCanvasSet.Objects[MiniCanvasSet.Labels.ObjectOf(label)]}"
                )
            );
    }

    [Test]
    public void Prompts_are_worded_as_in_the_paper_or_as_in_the_released_code()
    {
        var label = MiniCanvasSet.Cells.ToList().IndexOf("Van Gogh Boat");
        Assert.That(MiniCanvasSet.Labels.Prompts(CanvasWording.Paper)[label], Is.EqualTo("An image of Boat in Van Gogh style."));
        Assert.That(MiniCanvasSet.Labels.Prompts(CanvasWording.Released)[label], Is.EqualTo("A Boat image in Van Gogh style."));
    }

    [Test]
    public void An_image_is_decided_by_seed_and_index_alone()
    {
        using var later = MiniCanvasSet.Draw("later", Each - 2, 2, seed: 3);
        Assert.That(Rows(later), Is.EqualTo(Rows(some)[(2 * 64)..]));
        using var other = MiniCanvasSet.Draw("other", Each, 0, seed: 4);
        Assert.That(Rows(other).Intersect(Rows(some)), Is.Empty);
    }

    [Test]
    public void No_two_images_are_equal() => Assert.That(Rows(some).Distinct().Count(), Is.EqualTo(Each * 64));

    [Test]
    public void Train_and_test_share_no_image()
    {
        using var data = DatasetSource.Load("mini-canvas", null, null);
        Assert.That((data.Train.Count, data.Test.Count), Is.EqualTo((6400L, 1280L)));
        Assert.That(Rows(data.Train).Intersect(Rows(data.Test)), Is.Empty);
    }

    // Bytes as they were drawn on the day the styles were last looked at, to a tolerance for other machines' sines.
    [Test]
    public void The_pictures_are_those_that_were_looked_at()
    {
        using var scope = NewDisposeScope();
        var means = some.Images.to(ScalarType.Float64).view(Each, 8, 8, 3, 32, 32).mean([0, 2, 4, 5]); // [style,channel]
        Assert.That(means.flatten().data<double>().ToArray(), Is.EqualTo(Seen).Within(0.05));
    }

    [Test]
    public void Pencil_is_grey_neon_is_dark_watercolour_is_pale_and_Van_Gogh_is_blue_and_yellow()
    {
        using var scope = NewDisposeScope();
        Tensor Of(string style) =>
            some.Images.to(ScalarType.Float32).view(Each, 8, 8, 3, 32, 32).select(1, MiniCanvasSet.Styles.ToList().IndexOf(style));
        double Mean(Tensor t) => t.mean().item<float>();
        var pencil = Of("Pencil Drawing");
        Assert.That(Mean((pencil.select(2, 0) - pencil.select(2, 2)).abs()), Is.Zero);
        Assert.That(Mean(Of("Neon Lines")), Is.LessThan(90));
        Assert.That(Mean(Of("Watercolor")), Is.GreaterThan(220));
        var gogh = Of("Van Gogh"); // blue outweighs red in much of the picture, red outweighs blue in the strokes and the object
        Assert.That(Mean((gogh.select(2, 2) > gogh.select(2, 0) + 30).to(ScalarType.Float32)), Is.InRange(0.3, 0.7));
        Assert.That(Mean((gogh.select(2, 0) > gogh.select(2, 2) + 30).to(ScalarType.Float32)), Is.InRange(0.2, 0.6));
    }

    [Test]
    public void Objects_move_and_change_size()
    {
        using var scope = NewDisposeScope();
        var style = MiniCanvasSet.Styles.ToList().IndexOf("Cartoon");
        var ground = some.Images.view(Each, 8, 8, 3, 32, 32).select(1, style); // [each,object,3,32,32]
        var ink = ground.to(ScalarType.Float32).amax([2]).lt(40).to(ScalarType.Float32); // its black outlines
        var (rows, columns) = (arange(32, ScalarType.Float32).view(32, 1), arange(32, ScalarType.Float32));
        var mass = ink.sum([2, 3]);
        var down = (ink * rows).sum([2, 3]) / mass;
        var across = (ink * columns).sum([2, 3]) / mass;
        Assert.That(down.std(dim: 0).mean().item<float>(), Is.GreaterThan(0.5));
        Assert.That(across.std(dim: 0).mean().item<float>(), Is.GreaterThan(0.5));
        Assert.That((mass.amax([0]) / mass.amin([0])).mean().item<float>(), Is.GreaterThan(1.15));
    }

    [Test]
    public void Relabelled_by_style_or_by_object_the_images_are_the_same()
    {
        using var styles = MiniCanvasSet.Labels.ByStyle(some);
        using var objects = MiniCanvasSet.Labels.ByObject(some);
        Assert.That(styles.LabelArray(), Is.EqualTo(some.LabelArray().Select(l => l / 8)));
        Assert.That(objects.LabelArray(), Is.EqualTo(some.LabelArray().Select(l => l % 8)));
        Assert.That(styles.ClassNames, Is.EqualTo(MiniCanvasSet.Styles));
        Assert.That(Rows(objects), Is.EqualTo(Rows(some)));
    }

    // Mean red, green and blue of each style.
    private static readonly double[] Seen =
    [
        190.632,
        143.961,
        105.447,
        130.345,
        161.599,
        172.827,
        124.522,
        129.139,
        126.743,
        72.425,
        60.549,
        81.174,
        183.906,
        183.906,
        183.906,
        172.424,
        191.325,
        191.398,
        84.194,
        82.593,
        91.327,
        231.593,
        232.892,
        230.912,
    ];

    private static string[] Rows(Dataset data) => [.. data.Images.bytes.ToArray().Chunk(3 * 32 * 32).Select(Convert.ToHexString)];
}
