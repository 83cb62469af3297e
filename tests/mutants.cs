// The mutation score of the equation-bearing C#: each mutant of Stryker.NET meets the tests that reach it, until one falls.
//
//   dotnet run tests/mutants.cs -- [--only GLOB]... [--with TEXT]... [--without TEXT]... [--json FILE]
//
//   --only      mutants of these files alone, by their path in src/DiMum: --only "Metrics/*"
//   --with      runs only the tests whose full name holds TEXT
//   --without   leaves out tests whose full name holds TEXT
//   --json      writes what became of each mutant; one decided there is not run again
//
// Stryker compiles all mutants into one library, each behind a switch; its own runner restarts the test host for each and came to no end. So Stryker compiles
// here (tests/stryker-config.json says what is mutated and which tests are left out), and the tests run in one child process, restarted where a mutant hangs,
// crashes or leaves something behind. Exit code 1 below the configured score. Hours for all; nightly, no part of a commit's check.
#:package NUnit
#:property TreatWarningsAsErrors=false
#:property GenerateDocumentationFile=false
#:property PublishAot=false
#:property JsonSerializerIsReflectionEnabledByDefault=true
using System.Diagnostics;
using System.IO.Enumeration;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

const string Stryker = "5.1.0";
const string Loading = "(loading)";

if (args is ["--worker"])
    return Worker.Serve();

var only = new List<string>();
var with = new List<string>();
var without = new List<string>();
string? json = null;
for (var i = 0; i < args.Length; i += 2)
{
    if (args[i] is not ("--only" or "--with" or "--without" or "--json"))
        return Refuse($"{args[i]} is no option; there are --only GLOB, --with TEXT, --without TEXT and --json FILE");
    if (i + 1 == args.Length)
        return Refuse($"{args[i]} wants a value");
    if (args[i] == "--json")
        json = Path.GetFullPath(args[i + 1]);
    else
        (
            args[i] switch
            {
                "--only" => only,
                "--with" => with,
                _ => without,
            }
        ).Add(args[i + 1]);
}

var root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Here())!, ".."));
var copy = Path.Combine(Path.GetTempPath(), "dimum-mutants");
var bin = Path.Combine(copy, "tests/DiMum.Tests/bin/Release/net10.0");
var instrumented = Path.Combine(copy, "instrumented");
var settings = JsonNode.Parse(File.ReadAllText(Path.Combine(root, "tests/stryker-config.json")))!["stryker-config"]!.AsObject();

// What was decided of other sources, or with other tests, says nothing of these: a digest keeps them apart.
var files = Run(root, "git", "ls-files -co --exclude-standard src properties tests/DiMum.Tests tests/tests.runsettings Directory.* .config")
    .Output.Split('\n')
    .Append("tests/stryker-config.json")
    .Where(f => f.Length > 0 && File.Exists(Path.Combine(root, f)))
    .Order(StringComparer.Ordinal)
    .ToList();
var library = Digest(files.Where(f => f.StartsWith("src/DiMum/") || f.StartsWith("Directory") || f.EndsWith("-config.json")), Stryker);
var sources = Digest(files, Stryker);
var asked = Digest(files, [Stryker, .. with.Select(w => "with " + w), .. without.Select(w => "without " + w)]);

var decided = new Dictionary<int, Decided>();
if (json is not null && File.Exists(json))
{
    Outcome? before;
    try
    {
        before = JsonSerializer.Deserialize<Outcome>(File.ReadAllText(json));
    }
    catch (JsonException e)
    {
        return Refuse($"{json} can't be read: {e.Message.ReplaceLineEndings(" ")}");
    }
    if (before?.Sources != asked)
        return Refuse($"{json} is of other sources or other tests; delete it or name another file");
    decided = before.Mutants.ToDictionary(m => m.Mutant.Id);
}

// The commit's check has analysed these sources.
Environment.SetEnvironmentVariable("RunAnalyzers", "false");
Copy();
Instrument();
var all = Mutants();
var chosen = all.Where(m => only.Count == 0 || only.Any(glob => FileSystemName.MatchesSimpleExpression(glob, m.File))).ToList();
if (chosen.Count == 0)
    return Refuse($"no mutated file of src/DiMum is called {string.Join(" or ", only)}");
BuildTests();

var clock = Stopwatch.StartNew();
var extra = TimeSpan.FromMilliseconds((int?)settings["additional-timeout"] ?? 20000);
var saved = Stopwatch.StartNew();
var (tests, once) = Reach();
var reachedBy = tests.SelectMany(t => t.Reaches, (test, id) => (id, test)).ToLookup(p => p.id, p => p.test);
var fileOf = all.ToDictionary(m => m.Id, m => m.File);
var reachFile = tests
    .SelectMany(t => t.Reaches.Where(fileOf.ContainsKey).Select(id => fileOf[id]).Distinct(), (test, file) => (file, test))
    .ToLookup(p => p.file, p => p.test);

Child? child = null;
foreach (var group in chosen.GroupBy(m => m.File))
{
    foreach (var mutant in group.Where(m => !decided.ContainsKey(m.Id)))
    {
        var result = Decide(mutant);
        decided[mutant.Id] = result;
        if (result.Became is "survived" or "not reached")
            Console.WriteLine($"  {Line(mutant)}: {result.Became}");
        if (saved.Elapsed > TimeSpan.FromSeconds(20))
            Save();
    }
    Console.WriteLine($"{group.Key}: {group.Count(m => Became(m) == "killed")} of {group.Count()} killed ({clock.Elapsed:h\\:mm\\:ss})");
}
child?.Dispose();
Save();

int Count(IEnumerable<Mutant> of, string became) => of.Count(m => Became(m) == became);
string Row(string name, IReadOnlyList<Mutant> of) =>
    $"| {name} | {of.Count} | {Count(of, "killed")} | {Count(of, "survived")} | {Count(of, "not reached")} |";
var score = 100.0 * Count(chosen, "killed") / chosen.Count;
var least = (double?)settings["thresholds"]?["break"] ?? 0;
Console.WriteLine("\n| file | mutants | killed | survived | not reached |\n|---|---|---|---|---|");
foreach (var group in chosen.GroupBy(m => m.File))
    Console.WriteLine(Row($"`{group.Key}`", [.. group]));
Console.WriteLine(Row("together", chosen));
foreach (var mutant in chosen.Where(m => Became(m) != "killed"))
    Console.WriteLine($"* {Line(mutant)}: {Became(mutant)}");
var killers = chosen.Select(m => decided[m.Id].How ?? "").CountBy(how => how).ToDictionary();
Console.WriteLine(
    FormattableString.Invariant($"{score:f1} % of {chosen.Count} mutants killed")
        + $" ({killers.GetValueOrDefault("time")} by the time limit, {killers.GetValueOrDefault("crash")} by a crash); {least} % are asked for"
);
return score >= least ? 0 : 1;

string Became(Mutant m) => decided[m.Id].Became;

static string Line(Mutant m) => $"`{m.File}` {m.Line} `{Short(m.Original)}` became `{Short(m.Replacement)}` ({m.Mutator})";

static string Short(string code) =>
    string.Join(' ', code.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)) is var s && s.Length > 80
        ? string.Concat(s.AsSpan(0, 80), "…")
        : s;

static int Refuse(string why)
{
    Console.Error.WriteLine(why);
    return 2;
}

string Digest(IEnumerable<string> of, params string[] more)
{
    using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    foreach (var file in of)
    {
        hash.AppendData(Encoding.UTF8.GetBytes(file + "\n"));
        hash.AppendData(SHA256.HashData(File.ReadAllBytes(Path.Combine(root, file))));
    }
    hash.AppendData(Encoding.UTF8.GetBytes(string.Join('\n', more)));
    return Convert.ToHexStringLower(hash.GetHashAndReset());
}

void Copy()
{
    // «**/» of Stryker's globs is any folder or none; here one star matches across folders.
    var mutated = settings["mutate"]!.AsArray().Select(glob => ((string)glob!).Replace("**/", "*")).ToList();
    foreach (var file in files)
    {
        var to = Path.Combine(copy, file);
        var bytes = File.ReadAllBytes(Path.Combine(root, file));
        // Stryker mutates whole projects and forgets what it was not asked for: told so beforehand, it has a tenth to do, and so has every call of a switch.
        if (
            file.StartsWith("src/DiMum/")
            && file.EndsWith(".cs")
            && !mutated.Any(glob => FileSystemName.MatchesSimpleExpression(glob, file.AsSpan(10)))
        )
            bytes = [.. "// Stryker disable all\n"u8, .. bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes[3..] : bytes];
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        if (!File.Exists(to) || !File.ReadAllBytes(to).AsSpan().SequenceEqual(bytes))
            File.WriteAllBytes(to, bytes);
    }
    // What was deleted here must not be compiled there.
    var known = files.ToHashSet();
    foreach (var folder in new[] { "src", "properties", "tests/DiMum.Tests" })
    foreach (var file in Directory.EnumerateFiles(Path.Combine(copy, folder), "*.?s", SearchOption.AllDirectories))
        if (
            Path.GetRelativePath(copy, file).Replace('\\', '/') is var f
            && !f.Contains("/obj/")
            && !f.Contains("/bin/")
            && !known.Contains(f)
        )
            File.Delete(file);
}

// Stryker puts its library where its own tests find it, for as long as they run. So the tests it is given are one test of ours, which carries the library
// away. It reaches a handful of mutants, since Stryker runs all where none is reached; the rest are not run, and the report lists them all.
void Instrument()
{
    var stamp = Path.Combine(instrumented, "stamp");
    if (File.Exists(stamp) && File.ReadAllText(stamp) == library)
        return;
    Console.WriteLine("Stryker compiles the mutants: some minutes");
    if (Directory.Exists(instrumented))
        Directory.Delete(instrumented, recursive: true);
    Directory.CreateDirectory(instrumented);
    var probe = Path.Combine(copy, "tests/Probe");
    Directory.CreateDirectory(probe);
    File.WriteAllText(
        Path.Combine(probe, "Probe.csproj"),
        """
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup><IsTestProject>true</IsTestProject><GenerateDocumentationFile>false</GenerateDocumentationFile></PropertyGroup>
          <ItemGroup>
            <PackageReference Include="Microsoft.NET.Test.Sdk" />
            <PackageReference Include="NUnit" />
            <PackageReference Include="NUnit3TestAdapter" />
            <ProjectReference Include="../../src/DiMum/DiMum.csproj" />
          </ItemGroup>
        </Project>
        """
    );
    File.WriteAllText(
        Path.Combine(probe, "Probe.cs"),
        $$"""
        public class Probe
        {
            [NUnit.Framework.Test]
            public void Carries()
            {
                var library = System.Reflection.Assembly.Load("DiMum");
                if (library.GetTypes().Any(t => t.Name == "MutantControl"))
                    File.Copy(library.Location, {{JsonSerializer.Serialize(Path.Combine(instrumented, "DiMum.dll"))}}, overwrite: true);
                DiMum.Metrics.AccuracyRate.Of(1, 2, "", "");
            }
        }
        """
    );
    var config = (JsonObject)settings.DeepClone();
    config.Remove("test-case-filter");
    config.Remove("thresholds");
    config["test-projects"] = new JsonArray("Probe/Probe.csproj");
    config["reporters"] = new JsonArray("json");
    File.WriteAllText(Path.Combine(copy, "tests/probe-config.json"), new JsonObject { ["stryker-config"] = config }.ToJsonString());

    var tool = Path.Combine(copy, "tools", Stryker);
    if (!Directory.Exists(tool))
        Demand(
            Run(copy, "dotnet", $"tool install dotnet-stryker --version {Stryker} --tool-path \"{tool}\""),
            "dotnet-stryker can't be installed"
        );
    var run = Run(
        Path.Combine(copy, "tests"),
        Path.Combine(tool, "dotnet-stryker"),
        $"--config-file probe-config.json --output \"{Path.Combine(instrumented, "output")}\""
    );
    Demand(run, "Stryker failed");
    if (!File.Exists(Path.Combine(instrumented, "DiMum.dll")) || Report() is null)
        throw new InvalidOperationException($"Stryker left no library or no report:\n{run.Output}");
    File.WriteAllText(stamp, library);
}

string? Report() => Directory.EnumerateFiles(instrumented, "mutation-report.json", SearchOption.AllDirectories).FirstOrDefault();

List<Mutant> Mutants()
{
    var mutants = new List<Mutant>();
    foreach (var (path, file) in JsonNode.Parse(File.ReadAllText(Report()!))!["files"]!.AsObject())
    {
        var lines = ((string)file!["source"]!).Split('\n');
        var name = path.Replace('\\', '/');
        name = name.Contains("src/DiMum/") ? name[(name.IndexOf("src/DiMum/", StringComparison.Ordinal) + 10)..] : name;
        foreach (var m in file["mutants"]!.AsArray())
            // Not to be mutated, or no C#: neither is in the score.
            if ((string)m!["status"]! is not ("Ignored" or "CompileError"))
                mutants.Add(
                    new(
                        int.Parse((string)m["id"]!),
                        name,
                        (int)m["location"]!["start"]!["line"]!,
                        (string)m["mutatorName"]!,
                        Text(lines, m["location"]!["start"]!, m["location"]!["end"]!),
                        (string?)m["replacement"] ?? ""
                    )
                );
    }
    return [.. mutants.OrderBy(m => m.File, StringComparer.Ordinal).ThenBy(m => m.Id)];

    static string Text(string[] lines, JsonNode start, JsonNode end)
    {
        var (top, left, bottom, right) = (
            (int)start["line"]! - 1,
            (int)start["column"]! - 1,
            (int)end["line"]! - 1,
            (int)end["column"]! - 1
        );
        return top == bottom ? lines[top][left..right] : lines[top][left..] + " …";
    }
}

// Both test projects in one folder, that one process may run them both against the instrumented library.
void BuildTests()
{
    foreach (var project in new[] { "tests/DiMum.Tests", "properties/DiMum.Properties" })
        Demand(Run(copy, "dotnet", $"build -c Release {project} -v q"), $"{project} does not build");
    var laws = Path.Combine(copy, "properties/DiMum.Properties/bin/Release/net10.0");
    foreach (var file in Directory.EnumerateFiles(laws, "*", SearchOption.AllDirectories))
    {
        var to = Path.Combine(bin, Path.GetRelativePath(laws, file));
        var ours = Path.GetFileName(file).StartsWith("DiMum.Properties");
        if (!ours && File.Exists(to))
            continue;
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        Put(file, to);
    }
    Put(Path.Combine(instrumented, "DiMum.dll"), Path.Combine(bin, "DiMum.dll"));
    Put(typeof(Worker).Assembly.Location, Path.Combine(bin, "mutants.dll"));

    // Output folders hold links: what they point at stays as it is.
    static void Put(string from, string to)
    {
        File.Delete(to);
        File.Copy(from, to);
    }
}

// Every test alone, unmutated, and the mutants it reaches; kept, as nothing of it depends on which mutants are asked for.
(List<TestCase> Tests, HashSet<int> Once) Reach()
{
    var path = Path.Combine(instrumented, $"reach-{sources[..16]}.json");
    var known = File.Exists(path)
        ? JsonSerializer.Deserialize<List<TestCase>>(File.ReadAllText(path))!.ToDictionary(t => t.Name)
        : new Dictionary<string, TestCase>();
    var filter = Filter();
    var capturing = new Child(bin, mutant: -1, capture: true);
    var names = capturing.Tests.Where(t => t.Runnable && filter(t)).Select(t => t.Name).ToList();
    // What is reached before any test (sources of cases) is computed once in a process, as static fields are.
    known[Loading] = new(Loading, "Passed", 0, [], capturing.Loading);
    Console.WriteLine($"{names.Count} tests, {names.Count(n => !known.ContainsKey(n))} of them to be run unmutated");
    foreach (var name in names.Where(n => !known.ContainsKey(n)))
    {
        var answer = capturing.Ask(-1, name, TimeSpan.FromMinutes(30));
        known[name] = new(name, answer.Status, answer.Ms, answer.Reached, answer.Once);
        if (saved.Elapsed > TimeSpan.FromSeconds(20))
            Keep();
        if (!capturing.Alive)
        {
            capturing.Dispose();
            capturing = new Child(bin, mutant: -1, capture: true);
        }
    }
    capturing.Dispose();
    Keep();
    foreach (var name in names.Where(n => known[n].Status != "Passed"))
        Console.WriteLine($"  left out, as it does not pass unmutated ({known[name].Status}): {name}");
    Console.WriteLine($"{names.Count(n => known[n].Status == "Passed")} pass ({clock.Elapsed:h\\:mm\\:ss})");
    return (
        [.. names.Select(n => known[n]).Where(t => t.Status == "Passed").OrderBy(t => t.Ms)],
        [.. known.Values.SelectMany(t => t.Once)]
    );

    void Keep()
    {
        saved.Restart();
        File.WriteAllText(path + ".new", JsonSerializer.Serialize(known.Values));
        File.Move(path + ".new", path, overwrite: true);
    }
}

// The part of dotnet test's filter language that the configuration uses.
Func<Listed, bool> Filter()
{
    var terms = ((string?)settings["test-case-filter"] ?? "").Split('&', StringSplitOptions.RemoveEmptyEntries);
    return test =>
        (with.Count == 0 || with.Any(w => test.Name.Contains(w, StringComparison.OrdinalIgnoreCase)))
        && !without.Any(w => test.Name.Contains(w, StringComparison.OrdinalIgnoreCase))
        && terms.All(term =>
            term.Split("!=") is ["TestCategory", var category] ? !test.Categories.Contains(category)
            : term.Split("!~") is ["FullyQualifiedName", var part] ? !test.Name.Contains(part, StringComparison.OrdinalIgnoreCase)
            : throw new InvalidOperationException($"tests/stryker-config.json: «{term}» of test-case-filter is not understood")
        );
}

Decided Decide(Mutant mutant)
{
    if (once.Contains(mutant.Id))
    {
        // A static field keeps what it was first given: such a mutant is active before anything is loaded, and any test of its file may notice.
        var noticing = reachFile[mutant.File].ToList();
        return Kill(mutant, noticing.Count > 0 ? noticing : tests, fresh: true) ?? new(mutant, "survived", null, null);
    }
    var reaching = reachedBy[mutant.Id].ToList();
    if (reaching.Count == 0)
        return new(mutant, "not reached", null, null);
    // A survivor may owe it to a value that an earlier test kept: it meets its tests again in a process of its own.
    return Kill(mutant, reaching, fresh: false) ?? Kill(mutant, reaching, fresh: true) ?? new(mutant, "survived", null, null);
}

// Cheapest first. A fall counts only where the same test passes without the mutant right afterwards: else something an earlier mutant left behind, or
// chance, brought it about, and the test is asked again in a new process.
Decided? Kill(Mutant mutant, IReadOnlyList<TestCase> by, bool fresh)
{
    Child? own = fresh ? new Child(bin, mutant.Id, capture: false) : null;
    try
    {
        foreach (var test in by)
            for (var attempt = 0; attempt < 3; attempt++)
            {
                var limit = extra + TimeSpan.FromMilliseconds(10 * test.Ms);
                if (fresh && attempt > 0)
                {
                    own!.Dispose();
                    own = new Child(bin, mutant.Id, capture: false);
                }
                var answer = (fresh ? own! : Live()).Ask(mutant.Id, test.Name, limit);
                if (answer.Status == "Passed")
                    break;
                // A busy machine and a full memory are no verdict: once more, in a new process.
                if (answer.Status is "time" or "crash" && attempt == 0)
                    continue;
                if (Live().Ask(-1, test.Name, limit).Status == "Passed")
                    return new(mutant, "killed", answer.Status is "time" or "crash" ? answer.Status : "test", test.Name);
                child!.Dispose();
                child = null;
            }
        return null;
    }
    finally
    {
        own?.Dispose();
    }
}

Child Live()
{
    if (child is { Alive: true })
        return child;
    child?.Dispose();
    return child = new Child(bin, mutant: -1, capture: false);
}

void Save()
{
    saved.Restart();
    if (json is null)
        return;
    var outcome = new Outcome(asked, [.. decided.Values.OrderBy(d => d.Mutant.File, StringComparer.Ordinal).ThenBy(d => d.Mutant.Id)]);
    File.WriteAllText(json + ".new", JsonSerializer.Serialize(outcome, new JsonSerializerOptions { WriteIndented = true }));
    File.Move(json + ".new", json, overwrite: true);
}

static void Demand((int Code, string Output) run, string otherwise)
{
    if (run.Code != 0)
        throw new InvalidOperationException($"{otherwise}:\n{run.Output}");
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

internal sealed record Mutant(int Id, string File, int Line, string Mutator, string Original, string Replacement);

internal sealed record Decided(Mutant Mutant, string Became, string? How, string? By);

internal sealed record Outcome(string Sources, Decided[] Mutants);

internal sealed record Listed(string Name, bool Runnable, string[] Categories);

internal sealed record TestCase(string Name, string Status, double Ms, int[] Reaches, int[] Once);

internal sealed record Question(int Mutant, string Test);

internal sealed record Answer(string Status, double Ms, int[] Reached, int[] Once);

internal sealed record Start(Listed[] Tests, int[] Reached);

/// The process that runs tests: `Worker` on its other end.
internal sealed class Child : IDisposable
{
    private const string Mark = "@mutants ";
    private readonly Process process;

    internal Child(string bin, int mutant, bool capture)
    {
        var start = new ProcessStartInfo(
            "dotnet",
            "exec --runtimeconfig DiMum.Tests.runtimeconfig.json --depsfile DiMum.Tests.deps.json mutants.dll --worker"
        )
        {
            WorkingDirectory = bin,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DIMUM_MUTANT"] = mutant.ToString();
        start.Environment["DIMUM_CAPTURE"] = capture ? "1" : "";
        // A third of the laws' cases: the other two thirds find little more, and cost hours.
        start.Environment["DIMUM_LAW_RUNS"] = "33";
        // As tests.runsettings, for the reason given there.
        start.Environment["DOTNET_GCgen0size"] = "0x10000000";
        process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        // A mutant that hangs or falls while tests are loaded answers no question either.
        var (status, line) = Read(TimeSpan.FromMinutes(5));
        if (line is null && mutant == -1)
            throw new InvalidOperationException(
                $"the tests can't be loaded ({status}); dotnet run tests/mutants.cs -- with an empty {bin} builds them anew"
            );
        failed = line is null ? status : null;
        var loaded = line is null ? null : JsonSerializer.Deserialize<Start>(line);
        (Tests, Loading) = loaded is null ? ([], []) : (loaded.Tests, loaded.Reached);
    }

    private string? failed;

    internal Listed[] Tests { get; }

    internal int[] Loading { get; }

    internal bool Alive => failed is null;

    internal Answer Ask(int mutant, string test, TimeSpan limit)
    {
        if (failed is null)
        {
            try
            {
                process.StandardInput.WriteLine(JsonSerializer.Serialize(new Question(mutant, test)));
                process.StandardInput.Flush();
            }
            catch (IOException)
            {
                failed = "crash";
            }
            if (failed is null && Read(limit) is var (status, line))
            {
                if (line is not null)
                    return JsonSerializer.Deserialize<Answer>(line)!;
                failed = status;
            }
        }
        return new(failed!, limit.TotalMilliseconds, [], []);
    }

    private (string Status, string? Line) Read(TimeSpan limit)
    {
        using var late = new CancellationTokenSource(limit);
        try
        {
            while (process.StandardOutput.ReadLineAsync(late.Token).AsTask().GetAwaiter().GetResult() is { } line)
                // libtorch and tests may write as well.
                if (line.IndexOf(Mark, StringComparison.Ordinal) is >= 0 and var at)
                    return ("answered", line[(at + Mark.Length)..]);
            return ("crash", null);
        }
        catch (OperationCanceledException)
        {
            return ("time", null);
        }
    }

    public void Dispose()
    {
        if (!process.HasExited)
            process.Kill(entireProcessTree: true);
        process.WaitForExit();
        process.Dispose();
    }
}

/// Loads both test assemblies and runs one test after the other, as asked.
internal static class Worker
{
    internal static int Serve()
    {
        var answers = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
        var questions = new StreamReader(Console.OpenStandardInput());
        Console.SetOut(TextWriter.Null);
        void Say<T>(T answer) => answers.WriteLine("\n@mutants " + JsonSerializer.Serialize(answer));

        // DiMum.Tests.deps.json knows nothing of FsCheck, nor of the laws.
        AssemblyLoadContext.Default.Resolving += (context, name) =>
            Path.Combine(AppContext.BaseDirectory, name.Name + ".dll") is var path && File.Exists(path)
                ? context.LoadFromAssemblyPath(path)
                : null;

        var control = Assembly.Load("DiMum").GetTypes().Single(t => t.Name == "MutantControl");
        var active = control.GetField("ActiveMutant")!;
        var covered = control.GetMethod("GetCoverageData")!;
        var capture = Environment.GetEnvironmentVariable("DIMUM_CAPTURE") == "1";
        active.SetValue(null, int.Parse(Environment.GetEnvironmentVariable("DIMUM_MUTANT")!));
        control.GetField("CaptureCoverage")!.SetValue(null, capture);
        IList<int>[] Covered() =>
            capture
                ? (IList<int>[])covered.Invoke(null, [])!
                :
                [
                    [],
                    [],
                ];

        // Synchronous, on this thread: nothing of one test runs on into the next.
        var settings = new Dictionary<string, object> { ["NumberOfTestWorkers"] = 0, ["SynchronousEvents"] = true };
        var known = new Dictionary<string, (NUnitTestAssemblyRunner Runner, ITest Test)>();
        foreach (var name in new[] { "DiMum.Properties", "DiMum.Tests" })
        {
            var runner = new NUnitTestAssemblyRunner(new DefaultTestAssemblyBuilder());
            foreach (var test in Leaves(runner.Load(Assembly.Load(name), settings)))
            {
                var key = test.FullName;
                for (var n = 2; !known.TryAdd(key, (runner, test)); n++)
                    key = $"{test.FullName} #{n}";
            }
        }
        Say(new Start([.. known.Select(k => new Listed(k.Key, Runnable(k.Value.Test), Categories(k.Value.Test)))], [.. Covered()[0]]));

        while (questions.ReadLine() is { } line)
        {
            var question = JsonSerializer.Deserialize<Question>(line)!;
            // A mutant may have changed the cases themselves.
            if (!known.TryGetValue(question.Test, out var found))
            {
                Say(new Answer("Missing", 0, [], []));
                continue;
            }
            Covered();
            active.SetValue(null, question.Mutant);
            var clock = Stopwatch.StartNew();
            var listener = new Outcomes();
            found.Runner.Run(listener, TestFilter.FromXml($"<filter><id>{found.Test.Id}</id></filter>"));
            var took = clock.Elapsed.TotalMilliseconds;
            active.SetValue(null, -1);
            var reached = Covered();
            Say(new Answer(listener.Status, took, [.. reached[0]], [.. reached[1]]));
        }
        return 0;
    }

    private static IEnumerable<ITest> Leaves(ITest test) => test.IsSuite ? test.Tests.SelectMany(Leaves) : [test];

    private static bool Runnable(ITest? test) => test is null || (test.RunState == RunState.Runnable && Runnable(test.Parent));

    private static string[] Categories(ITest? test) =>
        test is null ? [] : [.. test.Properties[PropertyNames.Category].Cast<string>(), .. Categories(test.Parent)];

    private sealed class Outcomes : ITestListener
    {
        /// "None" where not even the test was begun.
        internal string Status { get; private set; } = "None";

        public void TestFinished(ITestResult result)
        {
            if (!result.Test.IsSuite)
                Status = result.ResultState.Status.ToString();
        }

        public void TestStarted(ITest test) { }

        public void TestOutput(TestOutput output) { }

        public void SendMessage(TestMessage message) { }
    }
}
