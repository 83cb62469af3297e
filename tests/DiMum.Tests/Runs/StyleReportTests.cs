using System.Xml.Linq;
using DiMum.Metrics;
using DiMum.Runs;
using DiMum.Runs.Report;
using DiMum.Tests.Data;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>What the report of a run on styles shows besides. Made-up numbers.</summary>
public class StyleReportTests
{
    private static readonly string[] Five = ["EraseDiff", "SalUn", "DiMUM"];

    private static RunResults Run(params double[] highest) =>
        ReportFixture.Bare() with
        {
            Pretrained = ReportFixture.OfStyle(0, 0.99, 0.002),
            Methods =
            [
                .. Five.Zip(
                    highest,
                    (name, ar) =>
                        new MethodResult(
                            name,
                            "as published",
                            "synthetic",
                            10,
                            10,
                            0.1,
                            [],
                            ReportFixture.OfStyle(10, 0, 0.7),
                            [ReportFixture.StyleAttack("ii-b", ar, 0.7, 0.5, 0.6)]
                        )
                ),
            ],
        };

    [Test]
    public void The_lowest_rate_of_a_curve_has_a_corrected_interval_around_it()
    {
        var lowest = StyleTables.Lowest(ReportFixture.StyleAttack("ii-b", 1, 0.7, 0.5, 0.6));
        var alone = AccuracyRate.Interval(250, 500);
        Assert.That((lowest.Value, lowest.N), Is.EqualTo((0.5, 500L)));
        Assert.That(lowest.Low, Is.LessThan(alone.Low).And.GreaterThan(alone.Low - 0.03));
        Assert.That(lowest.High, Is.GreaterThan(alone.High).And.LessThan(alone.High + 0.03));
        Assert.That(lowest.Metric, Does.Contain("lowest of 3"));
    }

    [Test]
    public void Tables_and_charts_are_those_of_Table_IV_and_Figures_10_and_11()
    {
        var run = Run(0.9, 0.5, 0.1);
        var tables = Tables.All(run);
        Assert.That(tables.Select(t => t.Caption), Has.One.Contains("Paper, Table IV:").And.None.Contains("Table II"));
        var ours = tables.Single(t => t.Caption.EndsWith("in the shape of Table IV", StringComparison.Ordinal));
        Assert.That(
            ours.Header,
            Is.EqualTo(new[] { "Model", "Fréchet distance", "Object accuracy", "AR_u", "AR_a (ii-b)", "AR_alt (ii-b)" })
        );
        Assert.That(ours.Rows.Select(r => r[^2].Main), Is.EqualTo(new[] { "–", "90.0\u00a0%", "50.0\u00a0%", "10.0\u00a0%" }));
        Assert.That(ours.Rows.Skip(1).Select(r => r[^1].Main), Is.All.EqualTo("50.0\u00a0%"));
        Assert.That(Charts.Of(run).Select(c => c.Name), Is.SupersetOf(new[] { "ar-attack-ii-b", "ar-alternative-ii-b" }));
        Assert.That(Charts.Of(ReportFixture.Run()).Select(c => c.Name), Has.None.Contains("alternative"));
    }

    /// <summary>The pictures of Figures 8 and 9: every method's model asked for each style, and for the unlearned one along the attack.</summary>
    [Test]
    public void Samples_are_each_method_s_styles_and_the_unlearned_style_along_its_attack()
    {
        using var folder = new TempFolder();
        var drawn = ReportFixture.Bare() with
        {
            ClassNames = ["Monet", "Van Gogh"],
            UnlearnedClass = 1,
            Methods = [Drawn("EraseDiff"), Drawn("DiMUM")],
        };
        ReportFixture.DrawPictures(drawn, folder.Root);
        var articles = Samples.Section(drawn, folder.Root).Elements("article").ToList();
        Assert.That(articles, Has.Count.EqualTo(2));
        foreach (var (article, method) in articles.Zip(drawn.Methods))
        {
            var grid = article.Descendants("figure").Single(f => $"{f.Attribute("class")?.Value}" == "grid");
            Assert.That(Shown(grid.Descendants("img").Single()), Is.EqualTo(File.ReadAllBytes(folder[method.Final.Grid!])));
            Assert.That(grid.Descendants("span").Select(s => s.Value), Is.EqualTo(drawn.ClassNames));
            Assert.That(grid.Descendants("span").Single(s => s.Attribute("class") is not null).Value, Is.EqualTo("Van Gogh"));
            var steps = article.Descendants("div").Where(d => $"{d.Attribute("class")?.Value}" == "step").ToList();
            Assert.That(
                steps.Select(s => s.Element("span")!.Value),
                Is.EqualTo(new[] { "step 00.0\u00a0%", "step 10090.0\u00a0%", "step 2000.0\u00a0%" })
            );
            foreach (var (step, at) in steps.Zip(method.Attacks[0].Curve))
            {
                var picture = step.Element("img")!;
                Assert.That(Shown(picture), Is.EqualTo(File.ReadAllBytes(folder[at.Strip!])));
                Assert.That(
                    picture.Attribute("alt")!.Value,
                    Does.StartWith($"{method.Name} asked for “Van Gogh” after {at.Step} steps of attack ii-b")
                );
            }
        }

        static byte[] Shown(XElement image) => Convert.FromBase64String(image.Attribute("src")!.Value.Split(',')[1]);
    }

    private static MethodResult Drawn(string name)
    {
        var attack = ReportFixture.StyleAttack("ii-b", 0.9, 0.7, 0.5, 0.6);
        var curve = attack.Curve.Select(e => e with { Strip = $"samples/{name}-{e.Step}.png" });
        var final = ReportFixture.OfStyle(10, 0, 0.7) with { Grid = $"samples/{name}.png" };
        return new(name, "as published", "synthetic", 10, 10, 0.1, [], final, [attack with { Curve = [.. curve] }]);
    }

    [TestCase(0.9, 0.5, 0.1, "agrees with that order")]
    [TestCase(0.1, 0.5, 0.9, "contradicts that order in 3 of 3 pairs")]
    public void The_order_is_Table_IV_s(double eraseDiff, double salUn, double diMum, string verdict)
    {
        string[] sentences = [.. OrderSummary.Of(Run(eraseDiff, salUn, diMum))];
        Assert.That(sentences[0], Does.Contain("EraseDiff ≥ SalUn ≥ DiMUM"));
        Assert.That(sentences[1], Does.Contain(verdict));
    }
}
