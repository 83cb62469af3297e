using NUnit.Framework;

namespace DiMum.Tests.Mutants;

/// <summary>The harness can fail: every trap's variant is rejected by its law, and the original is not.</summary>
public sealed class MutantTests
{
    private static IEnumerable<TestCaseData> Every() => Traps.All.Select(mutant => new TestCaseData(mutant).SetName(mutant.ToString()));

    [TestCaseSource(nameof(Every))]
    public void A_trap_is_rejected_by_its_law_and_the_original_is_not(object given)
    {
        var mutant = (Mutant)given;
        var original = mutant.Original();
        Assert.That(original.Passed, original.ToString());
        var variant = mutant.Variant();
        TestContext.Out.WriteLine(variant);
        Assert.That(variant.Passed, Is.False, "the law holds on the variant too");
        Assert.That(variant.Smallest, Is.Not.Empty);
    }

    [Test]
    public void Every_trap_has_a_mutant()
    {
        var mutated = Traps.All.Select(m => m.Trap.TrimEnd('a', 'b')).Distinct();
        var all = Enumerable.Range(1, 23).Select(n => $"T{n}");
        Assert.That(mutated, Is.EquivalentTo(all));
    }
}
