using System.Reflection;

namespace DiMum.Runs;

/// <summary>YAML files that are built into the library.</summary>
internal static class EmbeddedYaml
{
    private const string Extension = ".yaml";

    /// <summary>Names, without extension, of the files of a folder itself, not of folders in it.</summary>
    /// <param name="folder">Such as <c>presets/</c>.</param>
    public static IReadOnlyList<string> Names(string folder) =>
        [
            .. Assembly
                .GetExecutingAssembly()
                .GetManifestResourceNames()
                .Where(n => n.StartsWith(folder, StringComparison.Ordinal) && n.LastIndexOf('/') == folder.Length - 1)
                .Select(n => n[folder.Length..^Extension.Length])
                .Order(StringComparer.Ordinal),
        ];

    /// <summary>The text of one of <see cref="Names"/>.</summary>
    public static string Text(string folder, string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(folder + name + Extension)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
