using System.Globalization;
using System.Text.Json;
using DiMum.Data;

namespace DiMum.StableDiffusion;

/// <summary>A JSON object of settings, read strictly: a wrong kind or an unsupported value is one line that names the file and the key.</summary>
internal sealed class JsonConfig
{
    private readonly JsonElement root;

    private JsonConfig(string path, JsonElement root) => (Path, this.root) = (path, root);

    public string Path { get; }

    /// <summary>All values, each of which must be a whole number.</summary>
    public Dictionary<string, int> AllInts()
    {
        var all = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var entry in root.EnumerateObject())
            all[entry.Name] =
                entry.Value.ValueKind == JsonValueKind.Number && entry.Value.TryGetInt32(out var n)
                    ? n
                    : throw new UserError($"{Path}: '{entry.Name}' is {entry.Value.GetRawText()}; expected one whole number");
        return all;
    }

    public static JsonConfig Read(string path, string expected)
    {
        using var stream = InputFile.Open(path, expected);
        try
        {
            using var json = JsonDocument.Parse(stream);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                throw new JsonException("it is no object");
            return new(stream.Name, json.RootElement.Clone());
        }
        catch (JsonException e)
        {
            throw new UserError($"{stream.Name}: not valid JSON ({e.Message.Split('\n')[0]}), expected {expected}; fetch it again", e);
        }
    }

    /// <summary>Whether a key is there and not null.</summary>
    public bool Has(string key) => root.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>A value as written.</summary>
    public string Raw(string key) => root.GetProperty(key).GetRawText();

    public string Text(string key, string missing) =>
        Value(key, missing, e => e.ValueKind == JsonValueKind.String ? e.GetString() : null, "a text");

    public int Int(string key, int missing) =>
        Value(key, missing, e => e.ValueKind == JsonValueKind.Number && e.TryGetInt32(out var n) ? n : (int?)null, "one whole number");

    /// <summary>A size or a number of things.</summary>
    public int Count(string key, int missing) =>
        Value(
            key,
            missing,
            e => e.ValueKind == JsonValueKind.Number && e.TryGetInt32(out var n) && n >= 1 ? n : (int?)null,
            "one whole number of at least 1"
        );

    /// <summary>A number in 0…1.</summary>
    public double Share(string key, double missing) =>
        Value(
            key,
            missing,
            e => e.ValueKind == JsonValueKind.Number && e.GetDouble() is >= 0 and <= 1 and var n ? n : (double?)null,
            "a number in 0…1"
        );

    public double Number(string key, double missing) =>
        Value(key, missing, e => e.ValueKind == JsonValueKind.Number ? e.GetDouble() : (double?)null, "a number");

    /// <summary>A size of every level, of which there is at least one.</summary>
    public IReadOnlyList<int> Counts(string key, IReadOnlyList<int> missing) =>
        Value(
            key,
            missing,
            e => List(e, i => i.TryGetInt32(out var n) && n >= 1 ? n : throw new FormatException()) is { Count: > 0 } all ? all : null,
            "a list of whole numbers of at least 1"
        );

    public IReadOnlyList<string> Texts(string key, IReadOnlyList<string> missing) =>
        Value(key, missing, e => List(e, i => i.GetString() ?? throw new FormatException()), "a list of texts");

    /// <summary>Refuses any other value than the one this project's networks compute; a missing key means it.</summary>
    public void Must(string key, object? only)
    {
        if (!root.TryGetProperty(key, out var value))
            return;
        var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
        var same = (only, value.ValueKind) switch
        {
            (null, JsonValueKind.Null or JsonValueKind.False) => true,
            (bool b, JsonValueKind.True or JsonValueKind.False) => b == value.GetBoolean(),
            (bool b, JsonValueKind.Null) => !b,
            (int n, JsonValueKind.Number) => value.GetDouble() == n,
            (string s, JsonValueKind.String) => s == text,
            _ => false,
        };
        if (!same)
            throw new UserError(
                $"{Path}: '{key}' is {text}; expected {Convert.ToString(only, CultureInfo.InvariantCulture)?.ToLowerInvariant() ?? "null"}: "
                    + "only networks of the Stable Diffusion 1.x family are read"
            );
    }

    private static IReadOnlyList<T>? List<T>(JsonElement e, Func<JsonElement, T> item)
    {
        try
        {
            return e.ValueKind == JsonValueKind.Array ? [.. e.EnumerateArray().Select(item)] : null;
        }
        catch (Exception x) when (x is FormatException or InvalidOperationException)
        {
            return null;
        }
    }

    private T Value<T>(string key, T missing, Func<JsonElement, T?> read, string expected)
        where T : class => Has(key) ? read(root.GetProperty(key)) ?? throw Wrong(key, expected) : missing;

    private T Value<T>(string key, T missing, Func<JsonElement, T?> read, string expected)
        where T : struct => Has(key) ? read(root.GetProperty(key)) ?? throw Wrong(key, expected) : missing;

    private UserError Wrong(string key, string expected) =>
        new($"{Path}: '{key}' is {root.GetProperty(key).GetRawText()}; expected {expected}, as in Stable Diffusion 1.x");
}
