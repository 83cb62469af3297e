using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using NUnit.Framework;

namespace DiMum.Tests.Samplers;

/// <summary>Which times solvers visit, at the borders of what they take.</summary>
public class SolverTimesTests
{
    private static readonly NoiseSchedule Schedule = NoiseSchedule.Linear(10, 0.1, 0.2);
    private static readonly OutputReading Noise = new();

    [Test]
    public void Without_a_number_of_steps_every_time_is_visited_whatever_the_spacing()
    {
        var all = new AncestralSolver(Schedule, null, Noise, spacing: TimeSpacing.Trailing, offset: 1);
        Assert.That(all.Times, Is.EqualTo(Enumerable.Range(0, 10).Reverse()));
        var some = new AncestralSolver(Schedule, 5, Noise, spacing: TimeSpacing.Trailing);
        Assert.That(some.Times, Is.EqualTo(new[] { 9, 7, 5, 3, 1 }));
        var moved = new AncestralSolver(Schedule, 5, Noise, offset: 1);
        Assert.That(moved.Times, Is.EqualTo(new[] { 9, 7, 5, 3, 1 }), "leading times 8, 6, 4, 2, 0 and the offset");
    }

    [TestCase(1, new[] { 1 })]
    [TestCase(2, new[] { 6, 1 })]
    [TestCase(5, new[] { 9, 7, 5, 3, 1 })]
    public void CompVis_times_are_equally_far_apart_and_end_at_1(int steps, int[] times) =>
        Assert.That(DdimSolver.CompVisTimes(10, steps), Is.EqualTo(times));

    [TestCase(0, "1…5")]
    [TestCase(-1, "1…5")]
    [TestCase(6, "1…5")]
    [TestCase(3, "pass the last of 10")]
    public void CompVis_times_that_do_not_exist_are_refused(int steps, string says) =>
        Assert.That(() => DdimSolver.CompVisTimes(10, steps), Throws.TypeOf<UserError>().With.Message.Contains(says));

    [TestCase(true, 2)]
    [TestCase(false, 4)]
    public void Pndm_says_how_many_steps_it_needs(bool skipsWarmup, int least)
    {
        Assert.That(PndmSolver.AsDiffusers(Schedule, least, skipsWarmup).Times, Is.Not.Empty);
        Assert.That(
            () => PndmSolver.AsDiffusers(Schedule, least - 1, skipsWarmup),
            Throws.TypeOf<UserError>().With.Message.Contains($"at least {least} steps, got {least - 1}")
        );
    }

    private static readonly TimeSpacing[] Spacings = Enum.GetValues<TimeSpacing>();

    [TestCaseSource(nameof(Spacings))]
    public void One_step_to_all_steps_can_be_asked_for_and_no_others(TimeSpacing spacing)
    {
        Assert.That(TimeGrid.Descending(spacing, 10, 1), Is.EqualTo(new[] { spacing == TimeSpacing.Trailing ? 9 : 0 }));
        Assert.That(TimeGrid.Descending(spacing, 10, 10), Is.EqualTo(Enumerable.Range(0, 10).Reverse()));
        foreach (var steps in new[] { 0, 11 })
            Assert.That(() => TimeGrid.Descending(spacing, 10, steps), Throws.TypeOf<UserError>().With.Message.Contains("1…10"));
    }

    [TestCase(TimeSpacing.Trailing, 5, new[] { 9, 7, 5, 3, 1 })]
    [TestCase(TimeSpacing.Leading, 4, new[] { 8, 6, 4, 2 })]
    [TestCase(TimeSpacing.Linspace, 1, new[] { 9 })]
    [TestCase(TimeSpacing.Linspace, 9, new[] { 9, 8, 7, 6, 5, 4, 3, 2, 1 })]
    public void Solvers_in_lambda_leave_the_last_time_out(TimeSpacing spacing, int steps, int[] times) =>
        Assert.That(TimeGrid.WithoutLast(spacing, 10, steps), Is.EqualTo(times));

    [TestCase(0)]
    [TestCase(10)]
    public void Solvers_in_lambda_need_room_for_one_time_more(int steps) =>
        Assert.That(() => TimeGrid.WithoutLast(TimeSpacing.Leading, 10, steps), Throws.TypeOf<UserError>().With.Message.Contains("1…9"));

    [Test]
    public void One_spaced_level_is_the_largest()
    {
        var one = SigmaSteps.Integer(Schedule, 1, sigmaSpacing: SigmaSpacing.Karras);
        var largest = Math.Sqrt((1 - Schedule.AlphaBar[9]) / Schedule.AlphaBar[9]);
        Assert.That(one.Sigmas, Is.EqualTo(new[] { largest, 0 }).Within(1e-7));
    }
}
