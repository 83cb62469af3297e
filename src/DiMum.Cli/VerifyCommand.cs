using System.CommandLine;
using System.Globalization;
using DiMum.Checkpoints;
using DiMum.Runs;
using DiMum.Verification;
using static TorchSharp.torch;

namespace DiMum.Cli;

/// <summary><c>dimum verify</c>: this build on this machine against golden vectors.</summary>
internal static class VerifyCommand
{
    public static Command Create()
    {
        var goldens = new Option<string?>("--goldens")
        {
            Description = "Folder of golden files; by default those that come with this build.",
        };
        var device = new Option<string>("--device") { Description = "cpu, cuda or cuda:N.", DefaultValueFactory = _ => "cpu" };
        var precision = new Option<string>("--precision") { Description = "float32 or float64.", DefaultValueFactory = _ => "float32" };
        var only = new Option<string?>("--only") { Description = "File names without extension, with * and ?." };
        var threads = new Option<int>("--threads")
        {
            Description = "Threads of one operation; one, as the vectors were made, unless told otherwise.",
            DefaultValueFactory = _ => 1,
        };
        var json = new Option<string?>("--json") { Description = "Write the verdicts to this file, for --compare." };
        var compare = new Option<string[]>("--compare")
        {
            Description = "Two files of --json, the older first: says what moved; runs nothing.",
            Arity = new ArgumentArity(2, 2),
            AllowMultipleArgumentsPerToken = true,
        };
        var assembly = new Option<string?>("--assembly")
        {
            Description = "Your own .dll: runs the laws on its unlearning methods, samplers and metrics instead.",
        };
        var command = new Command(
            "verify",
            """
            Check this build, on this machine and device, against golden vectors made by the authors' code: a line a case with its largest error over its tolerance, then totals. Exit code 1 when one fails.

            Example:  dimum verify --only "salun*" --json after.json
            """
        )
        {
            goldens,
            device,
            precision,
            only,
            threads,
            json,
            compare,
            assembly,
        };
        command.SetAction(parse =>
            Guarded.Call(cancel =>
                parse.GetValue(compare) is [var older, var newer] ? Compare(older, newer)
                : parse.GetValue(assembly) is { } theirs ? Laws(theirs)
                : Verify(
                    parse.GetValue(goldens) ?? Path.Combine(AppContext.BaseDirectory, "goldens"),
                    parse.GetValue(device)!,
                    parse.GetValue(precision)!,
                    parse.GetValue(only),
                    parse.GetValue(threads),
                    parse.GetValue(json),
                    cancel
                )
            )
        );
        return command;
    }

    private static int Verify(
        string folder,
        string device,
        string precision,
        string? only,
        int threads,
        string? json,
        CancellationToken cancel
    )
    {
        var type = precision switch
        {
            "float32" => ScalarType.Float32,
            "float64" => ScalarType.Float64,
            _ => throw new UserError($"--precision {precision}: expected float32 or float64"),
        };
        if (threads < 1)
            throw new UserError($"--threads {threads}: expected at least 1");
        if (json is not null)
            AtomicFile.Prepare(json);
        set_num_threads(threads);
        var results = new List<CaseResult>();
        foreach (var result in Verifier.Run(folder, Devices.Parse(device), type, only))
        {
            cancel.ThrowIfCancellationRequested();
            results.Add(result);
            Console.WriteLine(result);
        }

        var report = VerifyReport.Of(device, precision, results);
        if (json is not null)
            report.Write(json);
        Console.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"{report.Passed} passed / {report.Failed} failed / {report.Pending} pending")
        );
        return report.Failed > 0 ? 1 : 0;
    }

    private static int Laws(string assembly)
    {
        set_num_threads(1); // the laws' networks are tiny
        var verdicts = Conformance.Conformance.CheckFile(assembly);
        foreach (var verdict in verdicts)
            Console.WriteLine(verdict);
        var failed = verdicts.Count(v => !v.Passed);
        Console.WriteLine($"{verdicts.Count - failed} passed / {failed} failed");
        return failed > 0 ? 1 : 0;
    }

    private static int Compare(string older, string newer)
    {
        var (before, after) = (VerifyReport.Read(older), VerifyReport.Read(newer));
        Console.WriteLine($"older: {before.Build}, {before.Machine}, {before.Device}, {before.Precision}");
        Console.WriteLine($"newer: {after.Build}, {after.Machine}, {after.Device}, {after.Precision}");
        var moves = after.Since(before);
        foreach (var move in moves)
            Console.WriteLine($"{(move.Worse ? "worse" : "moved")}   {move.Case, -32} {move.What}");
        Console.WriteLine(
            $"{after.Cases.Count} cases, {moves.Count} moved, {moves.Count(m => m.Worse)} worse; "
                + $"passed {before.Passed} → {after.Passed}, failed {before.Failed} → {after.Failed}, pending {before.Pending} → {after.Pending}"
        );
        return moves.Any(m => m.Worse) ? 1 : 0;
    }
}
