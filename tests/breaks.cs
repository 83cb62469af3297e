// Twenty-three lines of equations, each broken in a copy of this repository: does the suite go red, and which law says so on what input?
//
//   dotnet run tests/breaks.cs [first [last]]        numbers of tests/breaks.json, from 1; all without
//
// One build of the library a break; laws first, then the golden vectors where no law has fallen. Some minutes each; no part of a commit's check.
#:property TreatWarningsAsErrors=false
#:property GenerateDocumentationFile=false
#:property PublishAot=false
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Xml.Linq;

var root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Here())!, ".."));
var breaks = JsonSerializer.Deserialize<Break[]>(
    File.ReadAllText(Path.Combine(root, "tests/breaks.json")),
    new JsonSerializerOptions { PropertyNameCaseInsensitive = true }
)!;
var first = args.Length > 0 ? int.Parse(args[0]) : 1;
var last = args.Length > 1 ? int.Parse(args[1]) : breaks.Length;
var copy = Path.Combine(Path.GetTempPath(), "dimum-breaks");
var bins = new[] { "properties/DiMum.Properties", "tests/DiMum.Tests" }.Select(p => Path.Combine(copy, p, "bin/Release/net10.0")).ToArray();

foreach (var file in Run(root, "git", "ls-files -co --exclude-standard src properties tests Directory.* .config").Output.Split('\n'))
    if (file.Length > 0 && File.Exists(Path.Combine(root, file)))
    {
        var to = Path.Combine(copy, file);
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        if (!File.Exists(to) || File.ReadAllText(to) != File.ReadAllText(Path.Combine(root, file)))
            File.Copy(Path.Combine(root, file), to, overwrite: true);
    }

Build("properties/DiMum.Properties");
Build("tests/DiMum.Tests");

var slipped = 0;
for (var n = first; n <= last; n++)
{
    var b = breaks[n - 1];
    var path = Path.Combine(copy, "src/DiMum", b.File);
    var original = File.ReadAllText(path);
    if (original.Split(b.From).Length != 2)
        throw new InvalidOperationException($"{b.File} does not hold exactly one «{b.From}»; mend tests/breaks.json");
    File.WriteAllText(path, original.Replace(b.From, b.To));
    try
    {
        Build("src/DiMum");
        foreach (var bin in bins)
            File.Copy(Path.Combine(copy, "src/DiMum/bin/Release/net10.0/DiMum.dll"), Path.Combine(bin, "DiMum.dll"), overwrite: true);
        var red = Failures(
            Path.Combine(bins[0], "DiMum.Properties.dll"),
            "FullyQualifiedName!~ExperimentLaws&FullyQualifiedName!~CheckpointLaws"
        );
        if (red.Count == 0)
            red = Failures(Path.Combine(bins[1], "DiMum.Tests.dll"), "FullyQualifiedName~Golden.GoldenTests|FullyQualifiedName~Mutants");
        slipped += red.Count == 0 ? 1 : 0;
        Console.WriteLine($"## {n}. {b.File}: {b.What}\n{(red.Count == 0 ? "SLIPPED THROUGH" : $"red: {red.Count} tests")}");
        foreach (var (name, message) in red.OrderBy(f => f.Message.Length).Take(3))
            Console.WriteLine($"* {name}\n    {message.Replace("\n", "\n    ")}");
    }
    finally
    {
        File.WriteAllText(path, original);
    }
}

Console.WriteLine($"{last - first + 1} breaks, {slipped} slipped through");
return slipped == 0 ? 0 : 1;

void Build(string project)
{
    var (code, output) = Run(copy, "dotnet", $"build -c Release {project} -v q");
    if (code != 0)
        throw new InvalidOperationException($"{project} does not build:\n{output}");
}

static List<(string Name, string Message)> Failures(string dll, string filter)
{
    var folder = Directory.CreateTempSubdirectory("dimum-breaks-results-").FullName;
    Run(
        folder,
        "dotnet",
        $"test \"{dll}\" --filter \"({filter})&TestCategory!=Nightly\" --logger trx;LogFileName=r.trx --results-directory {folder}"
    );
    XNamespace ns = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";
    var failed = XDocument
        .Load(Path.Combine(folder, "r.trx"))
        .Descendants(ns + "UnitTestResult")
        .Where(r => (string?)r.Attribute("outcome") == "Failed")
        .Select(r => ((string)r.Attribute("testName")!, r.Descendants(ns + "Message").FirstOrDefault()?.Value ?? ""))
        .ToList();
    Directory.Delete(folder, recursive: true);
    return failed;
}

static (int Code, string Output) Run(string folder, string program, string arguments)
{
    using var process = Process.Start(
        new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        }
    )!;
    var error = process.StandardError.ReadToEndAsync();
    var output = process.StandardOutput.ReadToEnd();
    process.WaitForExit();
    return (process.ExitCode, output + error.Result);
}

static string Here([CallerFilePath] string path = "") => path;

internal sealed record Break(string File, string What, string From, string To);
