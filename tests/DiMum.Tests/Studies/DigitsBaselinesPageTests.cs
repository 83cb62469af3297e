using DiMum.Runs;
using DiMum.Studies;
using DiMum.Tests.Runs;
using DiMum.Unlearning;
using NUnit.Framework;

namespace DiMum.Tests.Studies;

/// <summary>The page says what the cells say, on made-up cells.</summary>
public class DigitsBaselinesPageTests
{
    private static readonly MethodSettings DiMum = new() { Name = "DiMUM" };
    private static readonly MethodSettings SalUn = new() { Name = "SalUn" };
    private static readonly MethodSettings Released = new() { Name = "SalUn", Reading = MethodReading.AsReleased };

    [Test]
    public void Cells_that_are_not_run_are_told_and_intervals_decide_what_is_called_different()
    {
        DigitsCell[] cells = [Cell(1, 0, 0.02, 0.30, 0.31), Cell(1, 1, 0.04, 0.34, 0.32), Cell(2, 0, 0.03, 0.32, 0.33)];
        var page = new DigitsBaselinesPage(cells, 30).Write();
        Assert.That(page, Does.Contain("**3 of 30 cells are in**").And.Contain("seed 1: classes 0, 1; seed 2: classes 0"));
        Assert.That(page, Does.Contain("published readings, lowest first: DiMUM 3.0, SalUn 32.0"));
        Assert.That(page, Does.Contain("higher SalUn (29.0 [")); // 28, 30, 29 points
        Assert.That(page, Does.Contain("as released (repo@commit): no measure differs beyond its interval"));
        Assert.That(page, Does.Contain("No published baseline withstands an attack better than DiMUM"));
        Assert.That(page, Does.Contain("(n = 1500)"), "images of three cells, pooled");
    }

    [Test]
    public void A_baseline_that_ends_lower_beyond_the_interval_is_said_to_be_more_robust()
    {
        DigitsCell[] cells = [Cell(1, 0, 0.30, 0.02, 0.02), Cell(1, 1, 0.34, 0.04, 0.04), Cell(2, 0, 0.32, 0.03, 0.03)];
        var page = new DigitsBaselinesPage(cells, 30).Write();
        Assert.That(page, Does.Contain("**DiMUM is not the most robust method here**: SalUn ends lower"));
    }

    [Test]
    public void Student_s_interval_is_over_the_cells()
    {
        var mean = CellMean.Of([1, 2, 3]);
        Assert.That(mean.Mean, Is.EqualTo(2));
        Assert.That(mean.High - mean.Mean, Is.EqualTo(4.302653 / Math.Sqrt(3)).Within(1e-5)); // t(0.975; 2)·s/√n, s = 1
        Assert.That(mean.LeavesZeroOut, Is.False);
        Assert.That(CellMean.Of([1, 1.1, 0.9]).LeavesZeroOut);
        Assert.That(CellMean.Of([5]).LeavesZeroOut, Is.False, "one cell says nothing of another");
    }

    private static DigitsCell Cell(long seed, int unlearned, double diMum, double salUn, double released)
    {
        MethodResult Result(MethodSettings m, double highest) =>
            ReportFixture.Method(
                m.Name,
                0.01,
                60,
                60,
                [ReportFixture.Attack("i", highest, 0.01), ReportFixture.Attack("ii-a", highest, 0.01)]
            ) with
            {
                Reading = m.Reading == MethodReading.AsPublished ? "as published" : "as released (repo@commit)",
            };
        return new(
            seed,
            unlearned,
            [DiMum, SalUn, Released],
            ReportFixture.Bare() with
            {
                Methods = [Result(DiMum, diMum), Result(SalUn, salUn), Result(Released, released)],
            }
        );
    }
}
