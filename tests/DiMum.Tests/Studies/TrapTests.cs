using DiMum.Studies.Traps;
using NUnit.Framework;

namespace DiMum.Tests.Studies;

/// <summary>What docs/findings.md says of each trap's effect comes out again.</summary>
public class TrapTests
{
    private static IEnumerable<TestCaseData> Every() => KnownTraps.All.Select(trap => new TestCaseData(trap).SetName($"{{m}}: {trap.Id}"));

    [TestCaseSource(nameof(Every))]
    public void A_trap_s_effect_is_seen_or_as_with_the_stale_variable_is_not(object given)
    {
        var trap = (Trap)given;
        var seen = TrapsStudy.Show(trap);
        TestContext.Out.WriteLine(seen.What);
        Assert.That(seen.Confirmed, Is.EqualTo(trap.Id != "T7"), seen.What);
    }

    [Test]
    public void Every_trap_has_a_switch_whose_effect_on_AR_is_measured_or_a_reason()
    {
        var switched = TrapSwitches.All.SelectMany(s => s.Trap.Split(", ")).Where(t => t.StartsWith('T'));
        Assert.That(switched.Concat(TrapSwitches.Without.Keys), Is.EquivalentTo(KnownTraps.All.Select(t => t.Id)));
    }

    [Test]
    public void There_are_the_traps_from_1_to_23() =>
        Assert.That(KnownTraps.All.Select(t => t.Id), Is.EqualTo(Enumerable.Range(1, 23).Select(n => $"T{n}")));
}
