using DiMum.Runs;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>Stages in order, several at once.</summary>
public class JobsTests
{
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(5)]
    public void Every_job_runs_once_after_those_it_comes_after(int workers)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var jobs = new Jobs();
            var ended = new List<int>();
            var early = 0;
            for (var n = 0; n < 12; n++)
            {
                var (me, after) = (n, Enumerable.Range(0, n).Where(_ => random.Next(3) == 0).ToList());
                jobs.Add($"{n}", () => Work(me, after), [.. after.Select(a => $"{a}")]);
            }

            jobs.Run(workers);
            Assert.That(ended.Order(), Is.EqualTo(Enumerable.Range(0, 12)), $"seed {seed}");
            Assert.That(early, Is.Zero, $"seed {seed}: jobs that began before one they come after had ended");

            void Work(int me, List<int> after)
            {
                lock (ended)
                    early += after.Except(ended).Any() ? 1 : 0;
                Thread.Yield();
                lock (ended)
                    ended.Add(me);
            }
        }
    }

    [Test]
    public void Two_jobs_run_at_once_with_two_workers()
    {
        using var both = new Barrier(2);
        var jobs = new Jobs();
        var met = 0;
        foreach (var name in new[] { "a", "b" })
            jobs.Add(name, () => Interlocked.Add(ref met, both.SignalAndWait(TimeSpan.FromSeconds(20)) ? 1 : 0));
        jobs.Run(2);
        Assert.That(met, Is.EqualTo(2));
    }

    [TestCase(1)]
    [TestCase(3)]
    public void A_failure_starts_nothing_new_and_is_told(int workers)
    {
        var jobs = new Jobs();
        var started = false;
        jobs.Add("first", () => throw new UserError("disk is full"));
        jobs.Add("second", () => started = true, "first");
        Assert.That(() => jobs.Run(workers), Throws.TypeOf<UserError>().With.Message.EqualTo("disk is full"));
        Assert.That(started, Is.False);
    }

    [Test]
    public void Of_several_failures_the_user_s_mistake_is_told_before_a_stop()
    {
        using var both = new Barrier(2);
        var jobs = new Jobs();
        jobs.Add("stopped", () => Fail(new OperationCanceledException()));
        jobs.Add("mistaken", () => Fail(new UserError("no such file")));
        Assert.That(() => jobs.Run(2), Throws.TypeOf<UserError>());

        void Fail(Exception e)
        {
            both.SignalAndWait(TimeSpan.FromSeconds(20));
            throw e;
        }
    }

    [Test]
    public void A_job_can_only_come_after_one_that_was_added_before() =>
        Assert.That(() => new Jobs().Add("b", () => { }, "a"), Throws.ArgumentException);
}
