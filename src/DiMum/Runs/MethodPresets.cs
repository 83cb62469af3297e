using YamlDotNet.RepresentationModel;

namespace DiMum.Runs;

/// <summary>
/// Numbers of every method and reading, a file a data set (<c>Presets/methods</c>), each with its source. An experiment takes one by
/// <c>{ preset: cifar10, name: SalUn, reading: as-released }</c> and changes what it likes beside it.
/// </summary>
public static class MethodPresets
{
    private const string Prefix = "presets/methods/";
    private static readonly YamlScalarNode PresetKey = new("preset");
    private static readonly YamlScalarNode NameKey = new("name");
    private static readonly YamlScalarNode ReadingKey = new("reading");

    private sealed record Table
    {
        public IReadOnlyList<MethodSettings> Methods { get; init; } = [];
    }

    /// <summary>Data sets that have one.</summary>
    public static IReadOnlyList<string> Names { get; } = EmbeddedYaml.Names(Prefix);

    /// <summary>Every method and reading of a data set.</summary>
    /// <param name="data">One of <see cref="Names"/>.</param>
    public static IReadOnlyList<MethodSettings> Of(string data) => YamlRecord.Bind<Table>(Tree(data), $"method preset {data}").Methods;

    /// <summary>Puts the preset's numbers below those that the methods of an experiment's tree give themselves.</summary>
    /// <exception cref="UserError">No such preset, or not of that method and reading.</exception>
    internal static void Fill(YamlMappingNode experiment, string source)
    {
        if (At(experiment, "unlearn") is not YamlMappingNode unlearn || At(unlearn, "methods") is not YamlSequenceNode methods)
            return;
        foreach (var method in methods.Children.OfType<YamlMappingNode>().Where(m => m.Children.ContainsKey(PresetKey)))
        {
            var asked = Entry($"{method.Children[PresetKey]}", method, source);
            method.Children.Remove(PresetKey);
            foreach (var (key, value) in asked.Children.Where(p => !method.Children.ContainsKey(p.Key)))
                method.Children[key] = value;
        }
    }

    private static YamlMappingNode Entry(string data, YamlMappingNode method, string source)
    {
        var at = $"{source}:{method.Start.Line}";
        if (!Names.Contains(data))
            throw new UserError($"{at}: no method preset '{data}'; expected {string.Join(" or ", Names)}");
        var entries = ((YamlSequenceNode)At(Tree(data), "methods")!).Children.Cast<YamlMappingNode>().ToList();
        return entries.Find(e => Label(e) == Label(method))
            ?? throw new UserError(
                $"{at}: method preset '{data}' has no {Label(method)}; it has {string.Join(", ", entries.Select(Label))}"
            );
    }

    private static YamlMappingNode Tree(string data) => YamlRecord.Parse(EmbeddedYaml.Text(Prefix, data), $"method preset {data}");

    private static YamlNode? At(YamlMappingNode map, string key) => map.Children.TryGetValue(new YamlScalarNode(key), out var v) ? v : null;

    private static string Label(YamlMappingNode method) =>
        (method.Children.TryGetValue(NameKey, out var name) ? $"{name}" : "a method without a name")
        + (method.Children.TryGetValue(ReadingKey, out var reading) && $"{reading}" != "as-published" ? $" {reading}" : " as-published");
}
