using DiMum.Runs;
using DiMum.Studies;
using DiMum.Tests.Runs;
using NUnit.Framework;

namespace DiMum.Tests.Studies;

/// <summary>The page says what the seeds say, on made-up ones.</summary>
public class CanvasMiniPageTests
{
    [Test]
    public void Seeds_that_are_not_run_are_told() =>
        Assert.That(
            new CanvasMiniPage([Cell(1, 0.1, 0.9), Cell(2, 0.12, 0.92)]).Write(),
            Does.Contain("**2 of 3 seeds are in**: 1, 2.").And.Contain("## Under the attack, in the shape of Table IV")
        );

    [Test]
    public void No_seed_has_a_page_too() => Assert.That(new CanvasMiniPage([]).Write(), Does.Contain("None of the 3 seeds is finished."));

    [Test]
    public void The_interval_of_the_difference_from_DiMUM_decides()
    {
        var page = new CanvasMiniPage([Cell(1, 0.10, 0.90), Cell(2, 0.12, 0.92), Cell(3, 0.14, 0.96)]).Write();
        Assert.That(page, Does.Contain("All 3 seeds are in: 1, 2, 3."));
        Assert.That(page, Does.Contain("highest AR_a (i), %, lowest first: DiMUM 12.0, SalUn 92.7."));
        Assert.That(page, Does.Contain("higher SalUn (80.7 [")); // 80, 80, 82 points
        Assert.That(page, Does.Contain("lower none; not told apart none."));
        var other = new CanvasMiniPage([Cell(1, 0.10, 0.90), Cell(2, 0.92, 0.12), Cell(3, 0.5, 0.6)]).Write();
        Assert.That(other, Does.Contain("higher none; lower none; not told apart SalUn ("));
        var lower = new CanvasMiniPage([Cell(1, 0.90, 0.10), Cell(2, 0.92, 0.12), Cell(3, 0.96, 0.14)]).Write();
        Assert.That(lower, Does.Contain("higher none; lower SalUn (-80.7 ["));
    }

    [Test]
    public void A_method_s_row_holds_mean_and_interval_cut_to_rates_and_its_images_pooled()
    {
        var page = new CanvasMiniPage([Cell(1, 0.0, 0.9), Cell(2, 0.0, 0.9), Cell(3, 0.3, 0.9)]).Write();
        var row = page.Split('\n').Single(l => l.StartsWith("| DiMUM | 10.0 [", StringComparison.Ordinal));
        Assert.That(row, Does.StartWith("| DiMUM | 10.0 [0.0, 53.0] |")); // 0.1 ± 4.3027·0.1·√3/√3
        Assert.That(page, Does.Contain("| DiMUM | 3 |").And.Contain("(n = 1500)"));
        Assert.That(page, Does.Contain("SalUn has not surely unlearned: AR_u 20.0"));
        Assert.That(page, Does.Not.Contain("DiMUM has not surely unlearned"));
    }

    private static RunResults Cell(long seed, double diMum, double salUn) =>
        ReportFixture.Bare() with
        {
            Seed = seed,
            Pretrained = ReportFixture.OfStyle(0, 0.99, 0.002),
            Methods = [Result("SalUn", 0.2, salUn), Result("DiMUM", 0, diMum)],
        };

    private static MethodResult Result(string name, double before, double highest) =>
        new(
            name,
            "as published",
            "synthetic",
            10,
            10,
            0.1,
            [],
            ReportFixture.OfStyle(10, before, 0.7),
            [.. new[] { "i", "ii-b" }.Select(a => ReportFixture.StyleAttack(a, highest, 0.7, 0.5))]
        );
}
