using DiMum.Conformance;
using DiMum.Diffusion.Samplers;
using NUnit.Framework;
using Kit = DiMum.Conformance.Conformance;

namespace DiMum.Tests.Conformance;

/// <summary>The kit from outside: what a user of it writes and reads.</summary>
public sealed class ConformanceTests
{
    [Test]
    public void A_right_method_keeps_every_law() => Kit.Require(new AbsoluteRelabel(), AbsoluteRelabel.Claims);

    [Test]
    public void A_method_without_its_stop_gradient_breaks_that_law_and_no_other_on_one_small_input()
    {
        var broken = Kit.Check(new LeakyRelabel()).Where(v => !v.Passed).ToList();
        Assert.That(broken.Select(v => v.Law), Is.EqualTo(new[] { "L14" }));
        TestContext.Out.WriteLine(broken[0]);
        Assert.That(broken[0].Sentence, Does.StartWith("no gradient flows through a prediction under another condition"));
        // One image of one pixel for each term is the smallest there is.
        Assert.That(broken[0].Smallest.Split("x₀"), Has.Length.EqualTo(3), broken[0].Smallest);
        Assert.That(
            Assert.Throws<ConformanceException>(() => Kit.Require(new LeakyRelabel()))!.Message,
            Does.Contain("1 of").And.Contain("L14").And.Contain("smallest input")
        );
    }

    [Test]
    public void An_assembly_is_checked_whole_and_says_which_components_it_could_not_make()
    {
        var verdicts = Kit.CheckFile(typeof(AbsoluteRelabel).Assembly.Location);
        List<bool> Of(string name) => [.. verdicts.Where(v => v.Component == name).Select(v => v.Passed)];
        Assert.That(Of("absolute-relabel"), Has.Count.GreaterThan(10).And.All.True);
        Assert.That(Of("leaky-relabel"), Has.Count.GreaterThan(10).And.Exactly(1).False);
        Assert.That(Of(nameof(NoisyAtLast)), Has.Some.False.And.Some.True);
        Assert.That(Of(nameof(RightSolver)), Has.Count.EqualTo(SolverLaws.anybody.Count).And.All.True);
        var remembers = verdicts.Where(v => v.Component == nameof(RemembersSolver) && !v.Passed).Select(v => v.Sentence).ToList();
        Assert.That(remembers, Has.Some.StartsWith("a run begins anew"));
        Assert.That(Of(typeof(NeedsASetting).FullName!), Is.EqualTo(new[] { false }));
        Assert.That(Of("mean-distance"), Has.Count.GreaterThan(10).And.All.True);
        Assert.That(Of("one-size-mean-distance"), Has.Some.False.And.Some.True);
    }

    [Test]
    public void A_file_that_is_missing_or_no_assembly_is_refused_by_one_clear_line()
    {
        var missing = Assert.Throws<UserError>(() => Kit.CheckFile("nowhere.dll"))!.Message;
        Assert.That(missing, Does.Contain("nowhere.dll").And.Contain("no such file"));
        using var folder = new Data.TempFolder();
        var path = folder.Write("text.dll", "not an assembly"u8.ToArray());
        Assert.That(
            Assert.Throws<UserError>(() => Kit.CheckFile(path))!.Message,
            Does.Contain("text.dll").And.Contain("not a .NET assembly")
        );
        var none = Assert.Throws<UserError>(() => Kit.CheckFile(typeof(TestAttribute).Assembly.Location))!.Message;
        Assert.That(none, Does.Contain("no public IUnlearningMethod, Sampler, Solver or ISetMetric"));
        Assert.That(Assert.Throws<UserError>(() => Kit.CheckFile(Path.GetTempPath()))!.Message, Does.Contain("is a folder"));
    }

    [Test]
    public void A_component_whose_claims_raise_fails_and_the_others_are_still_checked()
    {
        var verdict = Kit.CheckFile(typeof(BadClaims).Assembly.Location).Single(v => v.Component == typeof(BadClaims).FullName);
        Assert.That(
            (verdict.Passed, verdict.Message),
            Is.EqualTo((false, "its constructor or its Claims raised NotSupportedException: no claims"))
        );
    }

    [Test]
    public void A_sampler_that_adds_noise_at_the_last_step_breaks_that_law()
    {
        var broken = Kit.Check("noisy", steps => new NoisyAtLast { Steps = steps }).Where(v => !v.Passed).Select(v => v.Law);
        Assert.That(broken, Does.Contain("L8"));
        Kit.Require("DDIM", steps => new Ddim { Steps = steps, Eta = 0.5 });
    }

    [Test]
    public void A_metric_that_takes_one_count_for_both_sets_breaks_the_laws_that_see_it_and_no_other()
    {
        Kit.Require(new MeanDistance(), MeanDistance.Claims);
        var broken = Kit.Check(new OneSizeMeanDistance(), OneSizeMeanDistance.Claims).Where(v => !v.Passed).ToList();
        foreach (var verdict in broken)
            TestContext.Out.WriteLine(verdict);
        Assert.That(broken.Select(v => v.Law).Distinct(), Is.EqualTo(new[] { "L36" }));
        Assert.That(
            broken.Select(v => v.Sentence),
            Has.Some.StartsWith("where it is claimed, moving both sets").And.Some.StartsWith("where symmetry is claimed")
        );
        Assert.That(broken[0].Smallest, Does.Contain("generated [0, 0"), "all but what matters shrinks to zero");
    }

    [Test]
    public void A_verdict_s_replay_begins_with_the_input_that_broke_it()
    {
        var law = MethodLaws.all.Single(l => l.Id == "L14");
        CheckedMethod leaky = new(new LeakyRelabel(), new Claims());
        var found = law.Check("leaky", leaky);
        var again = law.CheckAt("leaky", leaky, found.Replay);
        Assert.That(again.Passed, Is.False);
        Assert.That(again.Cases, Is.EqualTo(1));
        Assert.That(again.Smallest, Is.EqualTo(found.Smallest));
    }
}
