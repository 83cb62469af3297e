using System.CommandLine;

namespace DiMum.Cli;

/// <summary>What every verb that runs stages takes.</summary>
internal sealed record Shared(string? Out, IReadOnlyList<string> Settings, CancellationToken Cancel);

/// <summary>--out, --set and --device.</summary>
internal sealed class SharedOptions
{
    private readonly Option<string?> folder = new("--out", "-o") { Description = "Run folder; by default runs/NAME." };
    private readonly Option<string[]> set = new("--set") { Description = "Change a setting: --set pretrain.iterations=100 (repeatable)." };
    private readonly Option<string?> device = new("--device") { Description = "cpu, cuda or cuda:N." };
    private CancellationToken token;

    public Command On(Command command, Func<ParseResult, int> action)
    {
        command.Options.Add(folder);
        command.Options.Add(set);
        command.Options.Add(device);
        command.SetAction(parse =>
            Guarded.Call(cancel =>
            {
                token = cancel;
                return action(parse);
            })
        );
        return command;
    }

    /// <summary>The device asked for; cpu where none is.</summary>
    public string Device(ParseResult parse) => parse.GetValue(device) ?? "cpu";

    public Shared Read(ParseResult parse)
    {
        var settings = parse.GetValue(set) ?? [];
        return new(parse.GetValue(folder), parse.GetValue(device) is { } d ? [.. settings, $"device={d}"] : settings, token);
    }
}
