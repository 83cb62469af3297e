using System.CommandLine;
using DiMum.Checkpoints;
using DiMum.Profiling;
using DiMum.Runs;

namespace DiMum.Cli;

/// <summary><c>dimum profile</c>: where a training step's time goes.</summary>
internal static class ProfileCommand
{
    public static Command Create()
    {
        var what = new Argument<string>("what")
        {
            Description = "A preset, an experiment's YAML file, sd-1.5, or the config.json of a diffusers U-Net.",
        };
        var set = new Option<string[]>("--set") { Description = "Change a setting: --set data.size=16 (repeatable)." };
        var device = new Option<string?>("--device") { Description = "cpu, cuda or cuda:N." };
        var precision = new Option<string?>("--precision") { Description = "fp32 or bf16; by default the experiment's." };
        var batch = new Option<int?>("--batch") { Description = "Images a step; by default pre-training's." };
        var side = new Option<int?>("--side") { Description = "Side of Stable Diffusion's latents; by default 64." };
        var steps = new Option<int>("--steps")
        {
            Description = "Steps measured, with the probe and without it in turn; the one of median time is shown.",
            DefaultValueFactory = _ => 5,
        };
        var threads = new Option<int?>("--threads") { Description = "Threads of one operation; by default the experiment's." };
        var all = new Option<bool>("--all") { Description = "Every module, not only the outermost." };
        var trace = new Option<string?>("--trace") { Description = "Write the step as trace events to this file, for ui.perfetto.dev." };
        var json = new Option<string?>("--json") { Description = "Write everything to this file." };
        var command = new Command(
            "profile",
            """
            Where a training step's time goes: forward and backward of every module, arithmetic, memory, and what this machine allows, measured in the same run.

            Example:  dimum profile cifar10-mini --precision bf16 --threads 2 --trace step.json
            """
        )
        {
            what,
            set,
            device,
            precision,
            batch,
            side,
            steps,
            threads,
            all,
            trace,
            json,
        };
        command.SetAction(parse => Guarded.Call(Run(parse), resumes: false));
        return command;

        Func<CancellationToken, int> Run(ParseResult parse) =>
            cancel =>
            {
                var request = new ProfileRequest(
                    parse.GetValue(what)!,
                    parse.GetValue(set) ?? [],
                    parse.GetValue(device),
                    parse.GetValue(precision),
                    parse.GetValue(batch),
                    parse.GetValue(side),
                    parse.GetValue(steps),
                    parse.GetValue(threads)
                );
                return Profile(request, parse.GetValue(all), parse.GetValue(trace), parse.GetValue(json), cancel);
            };
    }

    private static int Profile(ProfileRequest request, bool all, string? trace, string? json, CancellationToken cancel)
    {
        foreach (var file in new[] { trace, json }.OfType<string>())
            AtomicFile.Prepare(file);
        NativeCalls.Install(); // before libtorch is first used
        var (profile, step) = NetworkProfile.Measure(request, cancel: cancel);
        Console.Write(ProfileTable.Of(profile, all));
        if (trace is not null)
        {
            AtomicFile.WriteText(trace, TraceFile.Of(step, $"{profile.What}, {profile.Precision}, {profile.Device}"));
            Console.WriteLine($"trace: {Path.GetFullPath(trace)}");
        }

        if (json is not null)
        {
            AtomicFile.WriteText(json, Json.Write(profile));
            Console.WriteLine($"json: {Path.GetFullPath(json)}");
        }

        return 0;
    }
}
