using DiMum.Profiling;
using DiMum.Tests.Data;
using NUnit.Framework;

namespace DiMum.Tests.Profiling;

/// <summary>Two result files side by side: what moved beyond noise, what is missing or new.</summary>
public sealed class BenchmarkComparisonTests
{
    private static readonly Machine Here = new("processor", 2, "AVX2", 2, "system", "1.0", "build");

    private static BenchmarkResult Case(string name, double mean, double deviation, int n = 9, double bytes = 1000, double left = 0) =>
        new(name, n, mean, mean, deviation, new Dictionary<string, double> { ["Allocated Memory"] = bytes, ["left"] = left });

    private static BenchmarkResults Run(params BenchmarkResult[] cases) =>
        new(BenchmarkResults.Version, DateTimeOffset.UnixEpoch, Here, "cpu", false, new Dictionary<string, Ceilings>(), cases);

    [TestCase(1.0, 1.2, 0.02, 9, BenchmarkMove.Slower)]
    [TestCase(1.2, 1.0, 0.02, 9, BenchmarkMove.Faster)]
    [TestCase(1.0, 1.2, 0.3, 9, BenchmarkMove.Same)] // within noise
    [TestCase(1.0, 1.03, 0.001, 9, BenchmarkMove.Same)] // sure, but no more than machines drift
    [TestCase(1.0, 2.0, 0.02, 1, BenchmarkMove.Same)] // one iteration says nothing of noise
    public void A_move_is_called_one_beyond_noise_alone(double older, double newer, double deviation, int n, BenchmarkMove expected)
    {
        var change = BenchmarkComparison.Between(Run(Case("a", older, deviation, n)), Run(Case("a", newer, deviation, n))).Changes.Single();
        Assert.That(change.Move, Is.EqualTo(expected));
        Assert.That(change.Ratio, Is.EqualTo(newer / older));
    }

    [Test]
    public void The_interval_is_Welchs()
    {
        // n = 4 each, relative standard errors 0.01 and 0.02: variance of the difference 5e-4, (5e-4)²/((1e-4)²+(4e-4)²)·3 = 4.4118 degrees.
        var change = BenchmarkComparison.Between(Run(Case("a", 1, 0.02, 4)), Run(Case("a", 2, 0.08, 4))).Changes.Single();
        var reach = Math.Log(change.High / 2);
        Assert.That(reach, Is.EqualTo(-Math.Log(change.Low / 2)).Within(1e-12), "symmetric in the logarithm");
        // t(0.995; 4.4118) lies between t(4) = 4.604 and t(5) = 4.032.
        Assert.That(reach / Math.Sqrt(5e-4), Is.InRange(4.032, 4.604));
    }

    [Test]
    public void Missing_new_and_changed_counts_are_named()
    {
        var comparison = BenchmarkComparison.Between(
            Run(Case("stays", 1, 0.01), Case("goes", 1, 0.01)),
            Run(Case("stays", 1, 0.01, bytes: 1200, left: 3), Case("comes", 1, 0.01))
        );
        Assert.That(
            comparison.Changes.Select(c => (c.Name, c.Move)),
            Is.EqualTo(new[] { ("stays", BenchmarkMove.Same), ("goes", BenchmarkMove.Missing), ("comes", BenchmarkMove.New) })
        );
        Assert.That(comparison.Changes[0].Counts, Is.EqualTo(["Allocated Memory 1,000 → 1,200", "left 0 → 3"]));
        Assert.That(comparison.Text(), Does.Contain("3 benchmarks: 1 same, 0 faster, 0 slower, 1 missing, 1 new; 1 with other counts."));
        Assert.That(comparison.Text(), Does.Not.Contain("different machines"));
    }

    [Test]
    public void A_file_comes_back_as_written_and_others_are_refused_in_a_line()
    {
        using var folder = new TempFolder();
        var path = folder["results.json"];
        var written = Run(Case("a", 1.25, 0.01));
        written.Write(path);
        var read = BenchmarkResults.Read(path);
        Assert.That(read.Cases.Single().Metrics, Is.EquivalentTo(written.Cases.Single().Metrics));
        Assert.That(read.Machine, Is.EqualTo(Here));
        foreach (var text in new[] { "{}", "[1]", "nothing", """{ "Format": "other" }""" })
        {
            File.WriteAllText(path, text);
            var error = Assert.Throws<UserError>(() => BenchmarkResults.Read(path));
            Assert.That(error!.Message, Does.Contain("results.json").And.Contain("--json").And.Not.Contain("\n"));
        }

        Assert.Throws<UserError>(() => BenchmarkResults.Read(folder["none.json"]));
    }
}
