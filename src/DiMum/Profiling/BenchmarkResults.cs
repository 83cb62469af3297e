using System.Text.Encodings.Web;
using System.Text.Json;
using DiMum.Checkpoints;

namespace DiMum.Profiling;

/// <summary>One benchmark's times and figures.</summary>
/// <param name="Name">Class, method and parameters: what two files are matched by.</param>
/// <param name="N">Iterations measured.</param>
/// <param name="Mean">Seconds an operation.</param>
/// <param name="Median">Seconds an operation.</param>
/// <param name="Deviation">Standard deviation over the iterations, seconds.</param>
/// <param name="Metrics">The other columns, by name.</param>
public sealed record BenchmarkResult(
    string Name,
    int N,
    double Mean,
    double Median,
    double Deviation,
    IReadOnlyDictionary<string, double> Metrics
);

/// <summary>A run of the benchmarks, as its file has it.</summary>
/// <param name="Format">Always <see cref="Version"/>.</param>
/// <param name="At">When it ended.</param>
/// <param name="Machine">Where.</param>
/// <param name="Device">cpu, cuda or cuda:N.</param>
/// <param name="Quick">Whether with few, short iterations.</param>
/// <param name="Ceilings">By precision, measured in this run.</param>
/// <param name="Cases">In the order they ran.</param>
public sealed record BenchmarkResults(
    string Format,
    DateTimeOffset At,
    Machine Machine,
    string Device,
    bool Quick,
    IReadOnlyDictionary<string, Ceilings> Ceilings,
    IReadOnlyList<BenchmarkResult> Cases
)
{
    /// <summary>Of the file's format.</summary>
    public const string Version = "dimum-benchmarks-1";

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes the file.</summary>
    public void Write(string path) => AtomicFile.WriteText(path, JsonSerializer.Serialize(this, Json));

    /// <summary>Reads one.</summary>
    /// <exception cref="UserError">There is none, or it is something else.</exception>
    public static BenchmarkResults Read(string path)
    {
        try
        {
            var results = JsonSerializer.Deserialize<BenchmarkResults>(File.ReadAllText(path), Json);
            if (results is not { Format: Version, Cases: not null, Machine: not null })
                throw new JsonException($"its format is '{results?.Format}'");
            return results;
        }
        catch (JsonException e)
        {
            throw new UserError(
                $"{Path.GetFullPath(path)}: no results of these benchmarks ({e.Message.Split('\n')[0]}); expected a file written by --json",
                e
            );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"{Path.GetFullPath(path)}: can't be read: {e.Message}", e);
        }
    }
}
