using DiMum.Runs.Report;
using NUnit.Framework;
using SkiaSharp;

namespace DiMum.Tests.Runs;

/// <summary>ScottPlot draws no text, silently, where its font fails: so look at the pixels.</summary>
public class ReportChartTests
{
    private static readonly IReadOnlyList<Chart> Drawn = Charts.Of(ReportFixture.Run());

    [Test]
    public void There_is_a_chart_an_assumption_and_one_a_question() =>
        Assert.That(
            Drawn.Select(chart => chart.Name),
            Is.EqualTo(
                new[] { "ar-attack-i", "ar-attack-ii-a", "ar-attack-ii-b", "frechet-unlearning", "ar-unlearning", "retained-accuracy" }
            )
        );

    [TestCase("ar-attack-i")]
    [TestCase("frechet-unlearning")]
    [TestCase("ar-unlearning")]
    [TestCase("retained-accuracy")]
    public void The_title_and_the_labels_of_the_left_axis_are_drawn(string name)
    {
        Chart chart = Drawn.Single(c => c.Name == name);
        using SKBitmap light = SKBitmap.Decode(chart.Light);
        using SKBitmap dark = SKBitmap.Decode(chart.Dark);
        Assert.Multiple(() =>
        {
            foreach (SKBitmap picture in new[] { light, dark })
            {
                Assert.That(Inked(picture, new SKRectI(picture.Width / 4, 0, 3 * picture.Width / 4, 60)), Is.GreaterThan(400), "title");
                Assert.That(Inked(picture, new SKRectI(0, 70, 80, picture.Height - 150)), Is.GreaterThan(100), "left axis");
            }
        });
    }

    [Test]
    public void Charts_of_light_and_dark_pages_differ_in_their_paper()
    {
        using SKBitmap light = SKBitmap.Decode(Drawn[0].Light);
        using SKBitmap dark = SKBitmap.Decode(Drawn[0].Dark);
        Assert.That((light.GetPixel(0, 0).Red, dark.GetPixel(0, 0).Red), Is.EqualTo(((byte)255, (byte)23)));
    }

    [Test]
    public void A_method_far_off_makes_the_distance_axis_logarithmic()
    {
        MethodLook look = MethodLook.Of("DiMUM", 0);
        Series near = new("near", look, [0, 1], [3, 4], [2, 3], [4, 5]);
        Series far = new("far", look, [0, 1], [3, 400], [2, 300], [4, 500]);
        Assert.Multiple(() =>
        {
            Assert.That(ValueScale.For([near], []).At(4), Is.EqualTo(4));
            Assert.That(ValueScale.For([near, far], []).At(100), Is.EqualTo(2).Within(1e-12));
            Assert.That(
                ValueScale.For([near, far], []).At(0),
                Is.EqualTo(Math.Log10(1.5)).Within(1e-12),
                "a lower end at 0 stays on the chart"
            );
        });
    }

    [Test]
    public void Curves_of_one_point_are_drawn() =>
        Assert.DoesNotThrow(() =>
            Charts.Of(
                ReportFixture.Run() with
                {
                    Methods =
                    [
                        ReportFixture.Method(
                            "x",
                            0.1,
                            0,
                            0,
                            [ReportFixture.Attack("i", 0.2, 0) with { Curve = [ReportFixture.Bare().Pretrained] }]
                        ),
                    ],
                }
            )
        );

    [Test]
    public void A_methods_look_depends_on_its_name_alone()
    {
        MethodLook[] looks =
        [
            .. new[] { "DiMUM", "SalUn", "SFR-on", "gradient-ascent", "fine-tune-retain", "retrain" }.Select(n => MethodLook.Of(n, 0)),
        ];
        Assert.Multiple(() =>
        {
            Assert.That(looks.Select(look => look.Hex), Is.Unique);
            Assert.That(looks.Select(look => look.Marker), Is.Unique);
            Assert.That(MethodLook.Of("something else", 0), Is.EqualTo(MethodLook.Of("something else", 0)));
        });
    }

    private static int Inked(SKBitmap picture, SKRectI area)
    {
        SKColor paper = picture.GetPixel(0, 0);
        return (
            from y in Enumerable.Range(area.Top, area.Height)
            from x in Enumerable.Range(area.Left, area.Width)
            where Math.Abs(picture.GetPixel(x, y).Green - paper.Green) > 80
            select x
        ).Count();
    }
}
