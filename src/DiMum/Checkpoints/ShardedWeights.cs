using System.Text.Json;
using DiMum.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Checkpoints;

/// <summary>
/// A set of weights files with an index (<c>….safetensors.index.json</c>, <c>….bin.index.json</c>, of a variant <c>….index.fp16.json</c>) that says
/// which tensor lies in which.
/// </summary>
public sealed class ShardedWeights : IWeights
{
    private readonly Dictionary<string, IWeights> files = [];
    private readonly Dictionary<string, IWeights> places = [];
    private readonly Dictionary<string, StoredInfo> stored = [];

    private ShardedWeights(string path) => Source = Path.GetFullPath(path);

    /// <inheritdoc/>
    public string Source { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, StoredInfo> Stored => stored;

    /// <summary>Whether a file's name is that of an index.</summary>
    public static bool IsIndex(string path) =>
        path.EndsWith(".json", StringComparison.Ordinal) && Path.GetFileName(path).Contains(".index.", StringComparison.Ordinal);

    /// <summary>Opens the index and every file it names, which lie beside it.</summary>
    /// <exception cref="UserError">The index is malformed, a file is missing or damaged, or lacks a tensor it should have.</exception>
    public static ShardedWeights Open(string path)
    {
        var set = new ShardedWeights(path);
        try
        {
            set.Fill();
            return set;
        }
        catch
        {
            set.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void CopyTo(string name, Tensor destination) => places[name].CopyTo(name, destination);

    public void Dispose()
    {
        foreach (var file in files.Values)
            file.Dispose();
    }

    private void Fill()
    {
        var folder = Path.GetDirectoryName(Source)!;
        foreach (var (name, file) in Index())
        {
            if (Path.GetFileName(file) != file || file.Length == 0)
                throw new UserError($"{Source}: refused: it names the file '{file}'; expected a name without folders");
            if (!files.TryGetValue(file, out var weights))
                files[file] = weights = WeightsFile.Open(Path.Combine(folder, file));
            if (!weights.Stored.TryGetValue(name, out var info))
                throw new UserError(
                    $"{weights.Source}: has no tensor '{name}', which {Path.GetFileName(Source)} says it holds; fetch both again"
                );
            (places[name], stored[name]) = (weights, info);
        }
    }

    private List<(string Name, string File)> Index()
    {
        using var stream = InputFile.Open(Source, "an index of weights files");
        try
        {
            using var json = JsonDocument.Parse(stream);
            return
            [
                .. json
                    .RootElement.GetProperty("weight_map")
                    .EnumerateObject()
                    .Select(entry => (entry.Name, entry.Value.GetString() ?? "")),
            ];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new UserError($"{Source}: not an index of weights files ({e.Message.Split('\n')[0]}); expected \"weight_map\": {{…}}", e);
        }
    }
}
