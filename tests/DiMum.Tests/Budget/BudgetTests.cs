using System.Text.Json;
using DiMum.Profiling;
using DiMum.Runs;
using DiMum.Tests.Verification;
using NUnit.Framework;
using static TorchSharp.torch;

namespace DiMum.Tests.Budget;

/// <summary>
/// What a step costs besides time stays what <c>budget.json</c> says: tensors and native calls exactly, managed bytes within a tolerance. Times are never
/// held to anything.
/// </summary>
[NonParallelizable]
public sealed class BudgetTests
{
    private const string FileName = "tests/DiMum.Tests/Budget/budget.json";

    /// <summary>Share by which managed bytes may differ: the compiler keeps more or fewer objects off the heap as it learns, and runtimes differ.</summary>
    private const double Tolerance = 0.1;

    private const string Renew = "DIMUM_WRITE_DOCS=1 dotnet test tests/DiMum.Tests --filter FullyQualifiedName~Budget";
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
    private int threads;

    /// <summary>A line of the file.</summary>
    private sealed record Cost(long ManagedBytes, long Tensors, long TensorsLeft, long NativeCalls);

    private static bool Writes => Environment.GetEnvironmentVariable("DIMUM_WRITE_DOCS") == "1";

    private static SortedDictionary<string, Cost> Kept =>
        Repository.Has(FileName) ? JsonSerializer.Deserialize<SortedDictionary<string, Cost>>(Repository.Text(FileName))! : [];

    [SetUp]
    public void OneThread()
    {
        threads = get_num_threads();
        set_num_threads(1);
    }

    [TearDown]
    public void Restore() => set_num_threads(threads);

    [Test]
    public void The_file_has_every_step_and_no_other()
    {
        if (Writes)
            Keep(Kept.Where(step => BudgetWorld.Steps.Contains(step.Key)));
        else
            Assert.That(Kept.Keys, Is.EquivalentTo(BudgetWorld.Steps), $"renew {FileName}: {Renew}");
    }

    [TestCaseSource(typeof(BudgetWorld), nameof(BudgetWorld.Steps))]
    public void A_step_costs_what_the_file_says(string step)
    {
        var now = BudgetWorld.Count(step);
        if (Writes)
        {
            Assert.That(now.NativeCalls, Is.Not.Null, "the file is written where native calls can be counted: Linux on x86-64");
            Keep([
                .. Kept.Where(kept => kept.Key != step),
                new(step, new(now.ManagedBytes, now.Tensors, now.TensorsLeft, now.NativeCalls!.Value)),
            ]);
            return;
        }

        Assert.That(Kept, Does.ContainKey(step), $"renew {FileName}: {Renew}");
        Assert.That(Moved(step, now, Kept[step]), Is.Empty);
    }

    [Test]
    public void What_moves_is_named()
    {
        var cost = new Cost(1000, 50, 0, 400);
        StepCounts Now(long bytes, long tensors, long left, long? calls) => new(bytes, tensors, left, calls, null);
        Assert.That(Moved("step", Now(1099, 50, 0, 400), cost), Is.Empty);
        Assert.That(Moved("step", Now(901, 50, 0, null), cost), Is.Empty, "nothing is said of calls that aren't counted");
        Assert.That(Moved("step", Now(1101, 50, 0, 400), cost), Does.Contain("managed bytes 1000 → 1101").And.Contain(Renew));
        Assert.That(
            Moved("step", Now(1000, 51, 1, 402), cost),
            Does.Contain("tensors made 50 → 51").And.Contain("tensors left 0 → 1").And.Contain("native calls 400 → 402")
        );
    }

    /// <summary>What is outside the budget, and how to renew it; nothing where nothing is.</summary>
    private static string Moved(string step, StepCounts now, Cost kept)
    {
        var moved = new List<string>();
        void Check(string what, long before, long? after, double tolerance)
        {
            if (after is { } n && Math.Abs(n - before) > tolerance * before)
                moved.Add(FormattableString.Invariant($"{what} {before} → {n}"));
        }

        Check("managed bytes", kept.ManagedBytes, now.ManagedBytes, Tolerance);
        Check("tensors made", kept.Tensors, now.Tensors, 0);
        Check("tensors left", kept.TensorsLeft, now.TensorsLeft, 0);
        Check("native calls", kept.NativeCalls, now.NativeCalls, 0);
        var most = now.CallsByName?.Take(12).Select(call => $"{call.Key} {call.Value}") ?? [];
        return moved.Count == 0
            ? ""
            : $"{step}: {string.Join(", ", moved)}. If this is meant, renew {FileName}: {Renew}. Most called now: {string.Join(", ", most)}.";
    }

    private static void Keep(IEnumerable<KeyValuePair<string, Cost>> costs) =>
        File.WriteAllText(
            Path.Combine(Repository.Root, FileName),
            JsonSerializer.Serialize(new SortedDictionary<string, Cost>(costs.ToDictionary(), StringComparer.Ordinal), Format) + "\n"
        );
}
