using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using DiMum.Runs;
using Spectre.Console;

namespace DiMum.Cli;

/// <summary>Shows a run: bars with rate, loss and time left on a terminal, plain lines elsewhere.</summary>
internal static class ConsoleObserver
{
    public static T Watch<T>(Func<IRunObserver, T> action)
    {
        if (Console.IsOutputRedirected || !AnsiConsole.Profile.Capabilities.Interactive)
            return action(new PlainObserver());
        return AnsiConsole
            .Progress()
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn { Width = 24 },
                new PercentageColumn(),
                new RemainingTimeColumn()
            )
            .Start(context => action(new BarObserver(context)));
    }

    private static string Rate(int done, Stopwatch clock) =>
        done == 0 || clock.Elapsed.TotalSeconds < 0.2
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $" {done / clock.Elapsed.TotalSeconds:f1}/s");

    private static string Loss(double? loss) => loss is { } l ? string.Create(CultureInfo.InvariantCulture, $" loss {l:g4}") : "";

    private sealed class BarObserver(ProgressContext context) : IRunObserver
    {
        private readonly ConcurrentDictionary<string, (ProgressTask Task, Stopwatch Clock, int From)> tasks = [];

        public void Begin(string stage, int done, int total)
        {
            var task = context.AddTask(Markup.Escape(stage), maxValue: total);
            task.Value = done;
            tasks[stage] = (task, Stopwatch.StartNew(), done);
        }

        public void Advance(string stage, int done, double? loss)
        {
            if (!tasks.TryGetValue(stage, out var t))
                return;
            t.Task.Value = done;
            t.Task.Description = Markup.Escape($"{stage}{Rate(done - t.From, t.Clock)}{Loss(loss)}");
        }

        public void End(string stage, string summary, bool alreadyDone)
        {
            if (!tasks.TryGetValue(stage, out var t))
            {
                if (!alreadyDone || tasks.ContainsKey(stage))
                    return;
                t = (context.AddTask(Markup.Escape(stage), maxValue: 1), new Stopwatch(), 0);
                tasks[stage] = t;
            }

            t.Task.Value = t.Task.MaxValue;
            t.Task.Description = Markup.Escape($"{stage}: {summary}{(alreadyDone ? " (done before)" : "")}");
            t.Task.StopTask();
        }

        public void Note(string text) => AnsiConsole.WriteLine(text);
    }

    private sealed class PlainObserver : IRunObserver
    {
        private sealed record Line(Stopwatch Clock, int From, int Total)
        {
            public TimeSpan Next { get; set; } = Every;
        }

        private static readonly TimeSpan Every = TimeSpan.FromSeconds(10);
        private readonly ConcurrentDictionary<string, Line> lines = [];
        private readonly ConcurrentDictionary<string, bool> ended = [];

        public void Begin(string stage, int done, int total)
        {
            lines[stage] = new(Stopwatch.StartNew(), done, total);
            Console.WriteLine(done == 0 ? $"{stage}: {total} steps" : $"{stage}: going on at step {done} of {total}");
        }

        public void Advance(string stage, int done, double? loss)
        {
            if (!lines.TryGetValue(stage, out var line) || line.Clock.Elapsed < line.Next)
                return;
            line.Next = line.Clock.Elapsed + Every;
            var left = TimeSpan.FromSeconds(line.Clock.Elapsed.TotalSeconds / Math.Max(1, done - line.From) * (line.Total - done));
            Console.WriteLine($"{stage}: {done}/{line.Total}{Rate(done - line.From, line.Clock)}{Loss(loss)}, {left:hh\\:mm\\:ss} left");
        }

        public void End(string stage, string summary, bool alreadyDone)
        {
            if (ended.TryAdd(stage, true))
                Console.WriteLine($"{stage}: {summary}{(alreadyDone ? " (done before)" : "")}");
        }

        public void Note(string text) => Console.WriteLine(text);
    }
}
