using System.Text.Json;

namespace DiMum.Verification;

/// <summary>A golden file: values that the authors' code produced, with the inputs, settings and tolerances needed to produce them here.</summary>
internal sealed class GoldenFile : IDisposable
{
    private readonly JsonDocument document;
    private readonly List<GoldenNode> expected = [];

    private GoldenFile(string path, JsonDocument document)
    {
        (Path, this.document) = (path, document);
        Root = new(document.RootElement, "", new Ledger());
    }

    public string Path { get; }

    public GoldenNode Root { get; }

    /// <summary>Kind of content, possibly with a suffix.</summary>
    public string Case => Root["case"].Text();

    /// <summary>What all names but the parameters' begin with; names in the file are complete.</summary>
    public string Prefix => Root["name_prefix"].Text();

    public GoldenNode Outputs => Root["outputs"];

    public GoldenNode ModelData => Root["config"]["model_data"];

    /// <summary>Settings of a loop; null where there are none.</summary>
    public GoldenNode? Hyper => Root.Find("config")?.Find("hyper");

    /// <summary>The file's inputs, in order.</summary>
    public IReadOnlyList<GoldenNode> Inputs => Root["inputs"].Items();

    /// <summary>An input by the last part of its name.</summary>
    public GoldenNode Input(string suffix) =>
        Inputs.Where(i => i["name"].Text() == Prefix + suffix).Select(i => (GoldenNode?)i).FirstOrDefault()
        ?? throw new Mismatch($"inputs: '{Prefix}{suffix}' is missing");

    /// <summary>Reads and parses a file.</summary>
    /// <exception cref="UserError">It can't be read, or is no golden file.</exception>
    public static GoldenFile Open(string path)
    {
        try
        {
            var document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("case", out var name))
                if (name.ValueKind == JsonValueKind.String)
                    return new(path, document);
            document.Dispose();
            throw new UserError($"{path}: not a golden file, it has no 'case'");
        }
        catch (JsonException error)
        {
            throw new UserError($"{path}: not valid JSON ({error.Message}); is it complete?", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"{path}: {error.Message}", error);
        }
    }

    /// <summary>A member of the root that holds expected values besides <c>outputs</c>: what nobody reads of it is then known too.</summary>
    public GoldenNode Expected(string member)
    {
        expected.Add(Root[member]);
        return Root[member];
    }

    /// <summary>Places that nobody read or compared: expected values, and settings that a loop would depend on.</summary>
    public IReadOnlyList<string> Unused()
    {
        var places = Root.Has("outputs") ? Root.Ledger.Unused(Outputs) : [];
        places = places.Concat(expected.SelectMany(Root.Ledger.Unused));
        if (Hyper is { } hyper)
            places = places.Concat(Root.Ledger.Unused(hyper));
        return places.Select(p => p.TrimStart('/')).ToList();
    }

    public void Dispose() => document.Dispose();
}
