using System.Text.Json;

namespace DiMum.Verification;

/// <summary>
/// A place in a golden file. Whoever reads or compares a place marks it as used in the ledger, so that what nobody looked at is known in the end.
/// </summary>
internal readonly record struct GoldenNode(JsonElement Element, string Path, Ledger Ledger)
{
    /// <summary>A member that must be there.</summary>
    public GoldenNode this[string name] => Find(name) ?? throw new Mismatch($"{Path}: '{name}' is missing");

    /// <summary>A member, or null where it is missing or null.</summary>
    public GoldenNode? Find(string name)
    {
        if (Element.ValueKind != JsonValueKind.Object || !Element.TryGetProperty(name, out var value))
            return null;
        var node = new GoldenNode(value, $"{Path}/{name}", Ledger);
        if (value.ValueKind != JsonValueKind.Null)
            return node;
        Ledger.Use(node.Path);
        return null;
    }

    public bool Has(string name) => Element.ValueKind == JsonValueKind.Object && Element.TryGetProperty(name, out _);

    public bool IsObject => Element.ValueKind == JsonValueKind.Object;

    /// <summary>Members of an object, in order.</summary>
    public IEnumerable<(string Name, GoldenNode Node)> Members()
    {
        var (path, ledger) = (Path, Ledger);
        return Of(JsonValueKind.Object)
            .EnumerateObject()
            .Select(p => (p.Name, new GoldenNode(p.Value, $"{path}/{p.Name}", ledger)))
            .ToList();
    }

    /// <summary>Elements of an array.</summary>
    public IReadOnlyList<GoldenNode> Items()
    {
        var (path, ledger) = (Path, Ledger);
        return Of(JsonValueKind.Array).EnumerateArray().Select((e, i) => new GoldenNode(e, $"{path}/{i}", ledger)).ToList();
    }

    public double Number() => Used(JsonValueKind.Number).GetDouble();

    public long Integer()
    {
        var value = Number();
        return value == Math.Floor(value) ? (long)value : throw new Mismatch($"{Path}: expected an integer, found {value:r}");
    }

    public string Text() => Used(JsonValueKind.String).GetString()!;

    public bool Flag()
    {
        Ledger.Use(Path);
        return Element.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw new Mismatch($"{Path}: expected true or false, found {Element.ValueKind}"),
        };
    }

    public double[] Numbers() => Each(n => n.Number());

    public long[] Integers() => Each(n => n.Integer());

    public bool[] Flags() => Each(n => n.Flag());

    public string[] Texts() => Each(n => n.Text());

    /// <summary>Declares the place and all below it as used.</summary>
    public GoldenNode Use()
    {
        Ledger.Use(Path);
        return this;
    }

    private T[] Each<T>(Func<GoldenNode, T> read)
    {
        Ledger.Use(Path);
        return Items().Select(read).ToArray();
    }

    private JsonElement Used(JsonValueKind kind)
    {
        Ledger.Use(Path);
        return Of(kind);
    }

    private JsonElement Of(JsonValueKind kind) =>
        Element.ValueKind == kind ? Element : throw new Mismatch($"{Path}: expected {kind}, found {Element.ValueKind}");
}

/// <summary>Which places of a file have been read or compared.</summary>
internal sealed class Ledger
{
    private static readonly string[] MetaMembers = ["atol", "f64", "max_diff_f32_f64"];
    private readonly HashSet<string> used = [];

    public void Use(string path) => used.Add(path);

    /// <summary>Numbers, flags and lists below <paramref name="node"/> that nobody looked at; text only explains.</summary>
    public IEnumerable<string> Unused(GoldenNode node)
    {
        if (used.Contains(node.Path))
            yield break;
        if (IsLeaf(node.Element))
        {
            if (node.Element.ValueKind is not (JsonValueKind.String or JsonValueKind.Null))
                yield return node.Path;
            yield break;
        }

        var below = node.IsObject ? node.Members().Select(m => m.Node) : node.Items();
        foreach (var path in below.SelectMany(Unused))
            yield return path;
    }

    private static bool IsLeaf(JsonElement element) =>
        element.ValueKind switch
        {
            JsonValueKind.Object => MetaMembers.Any(m => element.TryGetProperty(m, out _))
                || element.TryGetProperty("ill_conditioned_param_indices", out _),
            JsonValueKind.Array => element.GetArrayLength() > 0 && element[0].ValueKind != JsonValueKind.Object && IsLeaf(element[0]),
            _ => true,
        };
}
