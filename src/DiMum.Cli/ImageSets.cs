using System.CommandLine;
using System.Globalization;
using DiMum.Checkpoints;
using DiMum.Metrics;
using DiMum.Runs;
using Spectre.Console;

namespace DiMum.Cli;

/// <summary>The options of evaluate that compare two sets of images instead of measuring a checkpoint.</summary>
internal sealed class ImageSets
{
    private readonly Option<string?> samples = new("--samples") { Description = "Folder of PNG/JPEG, or .npz of samples or statistics." };
    private readonly Option<string?> reference = new("--reference") { Description = "The same, to compare with." };
    private readonly Option<string[]> inception = new("--inception")
    {
        Description = "Inception weights (.pth or .safetensors; repeatable).",
    };
    private readonly Option<string> protocol = new("--protocol")
    {
        Description = "clean, as-released, unlearncanvas or all.",
        DefaultValueFactory = _ => "clean",
    };
    private readonly Option<string?> json = new("--json") { Description = "Also write the numbers as JSON." };
    private readonly Option<string?> csv = new("--csv") { Description = "Also write the numbers as CSV." };
    private readonly Option<bool> skip = new("--skip-unreadable") { Description = "Leave out files that can't be read, and count them." };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { samples, reference, inception, protocol, json, csv, skip })
            command.Options.Add(option);
    }

    /// <summary>Whether the command line asks for this.</summary>
    public bool Asked(ParseResult parse) => parse.GetValue(samples) is not null || parse.GetValue(reference) is not null;

    public int Run(ParseResult parse, string device, CancellationToken cancel)
    {
        if (parse.GetValue(samples) is not { } a || parse.GetValue(reference) is not { } b)
            throw new UserError("evaluate: --samples and --reference belong together; name both");
        var question = new ImageSetQuestion(a, b, parse.GetValue(inception) ?? [], parse.GetValue(protocol)!, parse.GetValue(skip));
        var (numbers, notes) = ImageSetEvaluation.Run(question, Devices.Parse(device), Progress, cancel);
        foreach (var note in notes)
            Console.Error.WriteLine($"note: {note}");
        Print(numbers);
        if (parse.GetValue(json) is { } jsonFile)
            AtomicFile.WriteText(jsonFile, Json.Write(numbers) + "\n");
        if (parse.GetValue(csv) is { } csvFile)
            AtomicFile.WriteText(csvFile, Csv(numbers));
        return 0;
    }

    private static void Progress(string what, long done, long all)
    {
        if (!Console.IsErrorRedirected)
            Console.Error.Write($"\r{what}: {done} of {all}{(done == all ? "\n" : "")}");
    }

    private static void Print(IReadOnlyList<Measured> numbers)
    {
        var table = new Table().RoundedBorder().AddColumns("measure", "value", "interval", "n", "what exactly");
        foreach (var m in numbers)
        {
            var (name, identity) = (m.Metric[..m.Metric.IndexOf(' ')], m.Metric[(m.Metric.IndexOf(' ') + 1)..]);
            var interval = double.IsNaN(m.Low) ? "–" : $"[{Number(m.Low)}, {Number(m.High)}]";
            table.AddRow(new[] { name, Number(m.Value), interval, m.N > 0 ? $"{m.N}" : "–", identity }.Select(Markup.Escape).ToArray());
        }

        AnsiConsole.Write(table);
        foreach (var of in numbers.Select(m => m.Of).Distinct())
            Console.WriteLine(of);
    }

    private static string Csv(IReadOnlyList<Measured> numbers) =>
        string.Concat(
            numbers
                .Select(m =>
                    FormattableString.Invariant(
                        $"{m.Value:r},{m.Low:r},{m.High:r},{m.N},\"{m.Metric.Replace("\"", "\"\"")}\",\"{m.Of.Replace("\"", "\"\"")}\"\n"
                    )
                )
                .Prepend("value,low,high,n,metric,of\n")
        );

    private static string Number(double value) => value.ToString("g6", CultureInfo.InvariantCulture);
}
