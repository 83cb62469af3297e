using System.CommandLine;
using System.Globalization;
using DiMum.Checkpoints;
using DiMum.Metrics;
using DiMum.Metrics.Inception;
using DiMum.Runs;
using Spectre.Console;

namespace DiMum.Cli;

/// <summary>The options of evaluate that compare two sets of images instead of measuring a checkpoint.</summary>
internal sealed class ImageSets
{
    private readonly Option<string?> samples = new("--samples")
    {
        Description = "Folder of PNG/JPEG, .npz of samples or statistics, or a run folder for what its model draws.",
    };
    private readonly Option<string?> reference = new("--reference")
    {
        Description = "The same, to compare with; of a run folder its real retained images.",
    };
    private readonly Option<string?> model = new("--model")
    {
        Description = "Whose images of a run folder: a method; by default the pre-trained model.",
    };
    private readonly Option<string[]> inception = new("--inception")
    {
        Description = "Inception weights (.pth or .safetensors), one file or more.",
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<string?> classifier = new("--classifier")
    {
        Description = "A run folder: compare by its classifier's features (not FID).",
    };
    private readonly Option<string> protocol = new("--protocol")
    {
        Description = "clean, as-released, unlearncanvas or all; stretched, bgr, 500-a-class or steps take as-released apart.",
        DefaultValueFactory = _ => "clean",
    };
    private readonly Option<string?> json = new("--json")
    {
        Description = "Also write the numbers as JSON; - writes only them, to standard output.",
    };
    private readonly Option<string?> csv = new("--csv") { Description = "The same as CSV." };
    private readonly Option<string?> than = new("--than")
    {
        Description = "Numbers of an earlier --json to subtract; an error where they were measured in another way.",
    };
    private readonly Option<bool> skip = new("--skip-unreadable") { Description = "Leave out files that can't be read, and count them." };
    private readonly Option<string?> cache = new("--cache")
    {
        Description = $"Where features are kept; by default {FeatureCache.DefaultFolder}.",
    };
    private readonly Option<bool> noCache = new("--no-cache") { Description = "Keep no features." };

    public void AddTo(Command command)
    {
        foreach (
            var option in new Option[] { samples, reference, model, inception, classifier, protocol, json, csv, than, skip, cache, noCache }
        )
            command.Options.Add(option);
    }

    /// <summary>Whether the command line asks for this.</summary>
    public bool Asked(ParseResult parse) => parse.GetValue(samples) is not null || parse.GetValue(reference) is not null;

    public int Run(ParseResult parse, string device, CancellationToken cancel)
    {
        if (parse.GetValue(samples) is not { } a || parse.GetValue(reference) is not { } b)
            throw new UserError("evaluate: --samples and --reference belong together; name both");
        var (jsonFile, csvFile) = (parse.GetValue(json), parse.GetValue(csv));
        if (jsonFile == "-" && csvFile == "-")
            throw new UserError("--json - and --csv - both claim standard output; give one of them a file");
        foreach (var target in new[] { jsonFile, csvFile }.OfType<string>().Where(f => f != "-"))
            AtomicFile.Prepare(target);
        var question = new ImageSetQuestion(a, b, parse.GetValue(protocol)!)
        {
            Inception = parse.GetValue(inception) ?? [],
            Classifier = parse.GetValue(classifier),
            Model = parse.GetValue(model),
            SkipUnreadable = parse.GetValue(skip),
            Cache = parse.GetValue(noCache) ? null : parse.GetValue(cache) ?? FeatureCache.DefaultFolder,
        };
        var earlier = parse.GetValue(than) is { } file ? Earlier(file) : [];
        var (answers, notes) = ImageSetEvaluation.Run(question, Devices.Parse(device), Progress, cancel);
        foreach (var note in notes)
            Console.Error.WriteLine($"note: {note}");
        Measured[] numbers = [.. answers.SelectMany(p => p.Numbers)];
        if (jsonFile != "-" && csvFile != "-")
            Print(answers);
        Write(jsonFile, Json.Write(numbers) + "\n");
        Write(csvFile, Csv(numbers));
        if (earlier.Count > 0)
            Differences(numbers, earlier, jsonFile == "-" || csvFile == "-" ? Console.Error : Console.Out);
        return 0;
    }

    private static IReadOnlyList<Measured> Earlier(string file) =>
        File.Exists(file)
            ? Json.Read<Measured[]>(File.ReadAllText(file), file)
            : throw new UserError($"{Path.GetFullPath(file)}: no such file; expected numbers that an earlier evaluate wrote with --json");

    private static void Write(string? file, string text)
    {
        if (file == "-")
            Console.Write(text);
        else if (file is not null)
            AtomicFile.WriteText(file, text);
    }

    private static void Differences(Measured[] numbers, IReadOnlyList<Measured> earlier, TextWriter output)
    {
        if (!numbers.Select(Name).Intersect(earlier.Select(Name)).Any())
            throw new UserError(
                $"--than: nothing to compare; there are {Names(earlier)} in the earlier file and {Names(numbers)} now, which are other measures"
            );
        foreach (var now in numbers)
        {
            // The one that was measured alike; else the one of the same name, whose refusal says what differs.
            var before = earlier.FirstOrDefault(m => m.Metric == now.Metric) ?? earlier.FirstOrDefault(m => Name(m) == Name(now));
            if (before is null)
            {
                output.WriteLine($"{Name(now)}: not in the earlier file");
                continue;
            }

            try
            {
                output.WriteLine($"{Name(now)}: {Number(now.DifferenceFrom(before))} than before ({Number(before.Value)})");
            }
            catch (InvalidOperationException e)
            {
                throw new UserError($"{Name(now)}: {e.Message}", e);
            }
        }
    }

    private static string Names(IEnumerable<Measured> numbers) => string.Join(", ", numbers.Select(Name).Distinct());

    private static void Progress(string what, long done, long all)
    {
        if (!Console.IsErrorRedirected)
            Console.Error.Write($"\r{what}: {done} of {all}{(done == all ? "\n" : "")}");
    }

    // Measures down, protocols side by side; what each of them is stands below.
    private static void Print(IReadOnlyList<ProtocolNumbers> answers)
    {
        var table = new Table().RoundedBorder().AddColumn("measure");
        for (var i = 0; i < answers.Count; i++)
            table.AddColumn(Markup.Escape($"{answers[i].Protocol} [{i + 1}]"));
        var names = answers.SelectMany(p => p.Numbers).Select(Name).Distinct();
        foreach (var name in names)
            table.AddRow([
                Markup.Escape(name),
                .. answers.Select(p => Markup.Escape(Cell(p.Numbers.FirstOrDefault(m => Name(m) == name)))),
            ]);
        // Spectre's own console keeps the first writer that it saw.
        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) }).Write(table);
        for (var i = 0; i < answers.Count; i++)
            Console.WriteLine($"[{i + 1}] {answers[i].Identity}");
        foreach (
            var m in answers[0].Numbers.Where(m => m.Metric.StartsWith($"{Name(m)} ({answers[0].Identity}; ", StringComparison.Ordinal))
        )
            Console.WriteLine($"{Name(m)}: {m.Metric[$"{Name(m)} ({answers[0].Identity}; ".Length..^1]}");
        foreach (var of in answers.SelectMany(p => p.Numbers).Select(m => m.N > 0 ? $"{m.Of}, n = {m.N}" : m.Of).Distinct())
            Console.WriteLine(of);
    }

    private static string Cell(Measured? m) =>
        m is null ? "–"
        : double.IsNaN(m.Low) ? Number(m.Value)
        : $"{Number(m.Value)} [{Number(m.Low)}, {Number(m.High)}]";

    private static string Name(Measured m) => m.Metric[..m.Metric.IndexOf(' ')];

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
