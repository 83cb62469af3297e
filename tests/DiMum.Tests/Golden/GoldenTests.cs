using DiMum.Verification;
using NUnit.Framework;
using TorchSharp;

namespace DiMum.Tests.Golden;

/// <summary>One thread: as the vectors were made, and tiny networks gain nothing from waiting for one another's threads on a busy machine.</summary>
[SetUpFixture]
public class OneThread
{
    private int before;

    [OneTimeSetUp]
    public void Set()
    {
        before = torch.get_num_threads();
        torch.set_num_threads(1);
    }

    [OneTimeTearDown]
    public void Restore() => torch.set_num_threads(before);
}

/// <summary>Every public golden file, run as <c>verify</c> runs it.</summary>
public class GoldenTests
{
    internal static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "goldens", "public");

    // What is known to be pending (a file) or unchecked (a file and a place), one a line: coverage can't be lost in silence.
    private static readonly HashSet<string> Open =
    [
        .. File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "goldens", "open.txt")).Where(l => l.Length > 0 && l[0] != '#'),
    ];

    private static IEnumerable<string> Files =>
        Directory.EnumerateFiles(Folder, "*.json").Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal);

    private static IEnumerable<string> Runnable => Files.Where(f => !Open.Contains(f));

    private static IEnumerable<string> Pending => Files.Where(Open.Contains);

    [TestCaseSource(nameof(Runnable))]
    public void Golden(string file)
    {
        var result = Run(file);
        TestContext.Out.WriteLine(result);
        Assert.Multiple(() =>
        {
            Assert.That(result.Status, Is.EqualTo(CaseStatus.Passed), result.Message);
            Assert.That(result.Checks, Is.GreaterThan(0));
            Assert.That(result.Worst, Is.LessThanOrEqualTo(1));
            Assert.That(result.Unchecked.Select(place => $"{file} {place}").Where(place => !Open.Contains(place)), Is.Empty, "unchecked");
        });
    }

    [TestCaseSource(nameof(Pending))]
    public void A_pending_file_says_why(string file)
    {
        var result = Run(file);
        Assert.That(result.Status, Is.EqualTo(CaseStatus.Pending), "it can be run now: take it off the list of what is open");
        Assert.That(result.Message, Is.Not.Empty);
    }

    [Test]
    public void What_is_listed_as_open_exists() =>
        Assert.That(Open.Select(line => line.Split(' ')[0]).Where(file => !File.Exists(Path.Combine(Folder, file))), Is.Empty);

    // The tolerance is ten times what float32 and float64 differ by, so where no step has rounded the weights a right float64 stays within a tenth.
    [TestCase("unet_forward_tiny", 0.11)]
    [TestCase("loss_and_grads_tiny64", 0.11)]
    [TestCase("dimum_steps", 1)]
    [TestCase("sched_published_full_loops", 1)]
    public void Golden_in_float64(string file, double worst)
    {
        var result = Verifier.Run(Folder, torch.CPU, torch.ScalarType.Float64, file).Single();
        Assert.That(result.Status, Is.EqualTo(CaseStatus.Passed), result.Message);
        Assert.That(result.Worst, Is.LessThan(worst));
    }

    private static CaseResult Run(string file) => Verifier.Run(Folder, torch.CPU, only: Path.GetFileNameWithoutExtension(file)).Single();
}
