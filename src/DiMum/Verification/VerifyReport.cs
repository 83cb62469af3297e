using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using DiMum.Checkpoints;
using TorchSharp;

namespace DiMum.Verification;

/// <summary>The verdicts of one build on one machine, as a file that another build's can be held against.</summary>
/// <param name="Build">Version and commit of this library.</param>
/// <param name="Machine">Runtime, operating system, processor architecture, TorchSharp.</param>
/// <param name="Device">Where it was computed.</param>
/// <param name="Precision">float32 or float64.</param>
public sealed record VerifyReport(string Build, string Machine, string Device, string Precision, IReadOnlyList<CaseResult> Cases)
{
    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter() },
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectRequiredConstructorParameters = true,
    };

    public int Passed => Count(CaseStatus.Passed);
    public int Failed => Count(CaseStatus.Failed);
    public int Pending => Count(CaseStatus.Pending);

    /// <summary>Names this build and machine.</summary>
    public static VerifyReport Of(string device, string precision, IReadOnlyList<CaseResult> cases) =>
        new(
            typeof(VerifyReport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "?",
            $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, "
                + $"TorchSharp {typeof(torch).Assembly.GetName().Version?.ToString(3)}",
            device,
            precision,
            cases
        );

    public void Write(string path) => AtomicFile.WriteText(path, JsonSerializer.Serialize(this, Options));

    /// <exception cref="UserError">There is no such file, or it is none of <c>verify --json</c>.</exception>
    public static VerifyReport Read(string path)
    {
        if (!File.Exists(path))
            throw new UserError($"{path}: no such file; expected one that dimum verify --json wrote");
        try
        {
            var report =
                JsonSerializer.Deserialize<VerifyReport>(File.ReadAllText(path), Options) ?? throw new JsonException("it holds null");
            return report.Checked();
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new UserError($"{path}: not a file that dimum verify --json wrote ({e.Message.Split('\n')[0]})", e);
        }
    }

    private VerifyReport Checked()
    {
        if (Cases is null || Cases.Any(c => c?.File is null))
            throw new JsonException("a case is missing or names no file");
        if (Cases.GroupBy(Key).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new JsonException($"{twice.Key} is in it twice");
        return this;
    }

    /// <summary>What moved from an older report to this one, a line each: verdicts, cases come and gone, errors that grew or shrank tenfold.</summary>
    public IReadOnlyList<Move> Since(VerifyReport older)
    {
        var before = older.Cases.ToDictionary(Key);
        var after = Cases.ToDictionary(Key);
        var moves = new List<Move>();
        foreach (var gone in older.Cases.Where(c => !after.ContainsKey(Key(c))))
            moves.Add(new(gone.Case, $"{gone.Status} → gone", gone.Status == CaseStatus.Passed));
        foreach (var now in Cases)
        {
            if (!before.TryGetValue(Key(now), out var then))
                moves.Add(new(now.Case, $"new: {now.Status}", now.Status == CaseStatus.Failed));
            else if (then.Status != now.Status)
                moves.Add(new(now.Case, $"{then.Status} → {now.Status} {now.Message}".TrimEnd(), then.Status == CaseStatus.Passed));
            else if (now.Checks < then.Checks)
                moves.Add(new(now.Case, $"{then.Checks} → {now.Checks} checks", now.Status == CaseStatus.Passed));
            else if (Tenfold(then.Worst, now.Worst))
                moves.Add(
                    new(
                        now.Case,
                        string.Create(CultureInfo.InvariantCulture, $"worst error/tolerance {then.Worst:g3} → {now.Worst:g3}"),
                        false
                    )
                );
        }

        return moves;
    }

    // Below a thousandth of the tolerance an error is rounding, and its ratio says nothing.
    private static bool Tenfold(double a, double b) => Math.Max(a, b) > 1e-3 && Math.Max(a, b) > 10 * Math.Min(a, b);

    private static string Key(CaseResult result) => Path.GetFileName(result.File);

    private int Count(CaseStatus status) => Cases.Count(c => c.Status == status);
}

/// <summary>One case that differs between two reports.</summary>
/// <param name="Worse">Something that held no longer does.</param>
public sealed record Move(string Case, string What, bool Worse);
