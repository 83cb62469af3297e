using System.Text.RegularExpressions;
using NUnit.Framework;

namespace DiMum.Tests.Verification;

/// <summary>Folders depend downwards, and the specification on nothing that it could inherit an error from.</summary>
public sealed partial class ArchitectureTests
{
    private static Dictionary<string, HashSet<string>> Uses()
    {
        var library = Path.Combine(Repository.Root, "src/DiMum");
        var folders = Directory.GetDirectories(library).Select(f => Path.GetFileName(f)!).Where(f => f is not ("bin" or "obj")).ToList();
        return folders.ToDictionary(
            folder => folder,
            folder =>
                Repository
                    .Files("src/DiMum/" + folder, "*.cs")
                    .SelectMany(file => Using().Matches(File.ReadAllText(file)))
                    .Select(m => m.Groups[1].Value)
                    .Where(used => used != folder && folders.Contains(used))
                    .ToHashSet()
        );
    }

    [Test]
    public void Folders_of_the_library_depend_on_each_other_without_a_circle()
    {
        var uses = Uses();
        Assert.That(uses, Has.Count.GreaterThan(5));
        Assert.That(uses.Values.Sum(v => v.Count), Is.GreaterThan(10));
        while (uses.Where(f => f.Value.Count == 0).Select(f => f.Key).ToList() is { Count: > 0 } bottom)
        {
            foreach (var folder in bottom)
                uses.Remove(folder);
            foreach (var rest in uses.Values)
                rest.ExceptWith(bottom);
        }

        Assert.That(uses.Select(f => $"{f.Key} uses {string.Join(", ", f.Value)}"), Is.Empty, "these go round in a circle");
    }

    [Test]
    public void Only_studies_are_above_runs() =>
        Assert.That(Uses().Where(f => f.Value.Contains("Runs")).Select(f => f.Key), Is.EqualTo(["Studies"]));

    [Test]
    public void The_specification_references_no_torch_and_no_library()
    {
        var references = typeof(Spec.Loss).Assembly.GetReferencedAssemblies().Select(a => a.Name).ToList();
        Assert.That(references, Has.None.Contains("Torch").And.None.EqualTo("DiMum"));
        Assert.That(references, Does.Contain("FSharp.Core"));
    }

    [GeneratedRegex(@"^using (?:static )?(?:[\w]+ = )?DiMum\.(\w+)", RegexOptions.Multiline)]
    private static partial Regex Using();
}
