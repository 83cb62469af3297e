namespace DiMum.Runs;

/// <summary>Experiments that come with the product, by name, and the reading of experiments from files, presets and <c>--set</c>.</summary>
public static class Presets
{
    private const string Prefix = "presets/";

    /// <summary>Names of the built-in presets.</summary>
    public static IReadOnlyList<string> Names { get; } = EmbeddedYaml.Names(Prefix);

    /// <summary>The YAML text of a preset.</summary>
    public static string Text(string name) => EmbeddedYaml.Text(Prefix, name);

    /// <summary>An experiment from a file or a preset's name, with <c>key=value</c> settings put over it.</summary>
    /// <param name="fileOrPreset">A YAML file; or, where no such file is, a preset (<c>cifar10-mini</c> or <c>presets/cifar10-mini.yaml</c>).</param>
    /// <param name="settings">Assignments such as <c>data.path=DIR</c>; <c>data=DIR</c> is short for it.</param>
    public static Experiment Load(string fileOrPreset, IEnumerable<string> settings)
    {
        var (text, source) = Find(fileOrPreset);
        return Bind(text, source, settings);
    }

    /// <summary>An experiment from YAML text.</summary>
    public static Experiment Bind(string text, string source, IEnumerable<string> settings)
    {
        var tree = YamlRecord.Parse(text, source);
        foreach (var setting in settings)
            YamlRecord.Set(
                tree,
                setting.StartsWith("data=", StringComparison.Ordinal) ? "data.path=" + setting["data=".Length..] : setting
            );
        MethodPresets.Fill(tree, source);
        return Validate.Checked(YamlRecord.Bind<Experiment>(tree, source));
    }

    private static (string Text, string Source) Find(string fileOrPreset)
    {
        if (File.Exists(fileOrPreset))
        {
            try
            {
                return (File.ReadAllText(fileOrPreset), fileOrPreset);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new UserError($"{Path.GetFullPath(fileOrPreset)}: can't be read: {e.Message}", e);
            }
        }

        var name = Path.GetFileNameWithoutExtension(fileOrPreset);
        if (Names.Contains(name))
            return (Text(name), $"preset {name}");
        var nearest = Nearest.Of(name, Names);
        throw new UserError(
            $"{fileOrPreset}: no such file, and no preset of that name; "
                + (nearest is null ? $"presets are {string.Join(", ", Names)}" : $"did you mean the preset '{nearest}'?")
        );
    }
}
