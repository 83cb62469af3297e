using System.Text;
using System.Text.RegularExpressions;
using DiMum.Tests.Mutants;
using NUnit.Framework;

namespace DiMum.Tests.Verification;

/// <summary>Nothing of the paper is without specification, library, laws, goldens and mutants, or a reason; docs/verification.md says so.</summary>
public sealed partial class TraceTests
{
    private const string Page = "docs/verification.md";

    private static bool IsReason(string cell) => cell.StartsWith('–') && cell.Length > 8;

    private static IEnumerable<string> Named(string cell) => IsReason(cell) ? [] : cell.Split(' ');

    private static HashSet<string> LawsInCode()
    {
        var sources = Repository.Files("properties", "*.fs").Concat(Repository.Files("src/DiMum.Conformance", "*.fs"));
        var found = sources.SelectMany(file => LawId().Matches(File.ReadAllText(file))).Select(m => m.Groups[1].Value).ToHashSet();
        found.Add("L49"); // below
        return found;
    }

    [Test]
    public void No_item_of_the_paper_has_a_hole()
    {
        var laws = LawsInCode();
        Assert.Multiple(() =>
        {
            foreach (var row in Trace.All)
            {
                foreach (var cell in new[] { row.Spec, row.Library, row.Laws, row.Goldens, row.Mutants })
                    Assert.That(cell, Is.Not.Empty, row.Item);
                foreach (var name in Named(row.Spec))
                    Assert.That(SpecHas(name), $"{row.Item}: the specification has no {name}");
                foreach (var file in Named(row.Library))
                    Assert.That(Repository.Has("src/DiMum/" + file), $"{row.Item}: there is no src/DiMum/{file}");
                foreach (var law in Named(row.Laws))
                    Assert.That(laws.Contains(law) || Trace.Without.ContainsKey(law), $"{row.Item}: no law {law}");
                foreach (var golden in Named(row.Goldens))
                    Assert.That(
                        Repository.Files("tests/DiMum.Tests/Golden/public", golden + "*.json"),
                        Is.Not.Empty,
                        $"{row.Item}: no golden file {golden}*"
                    );
                foreach (var trap in Named(row.Mutants))
                    Assert.That(Traps.All.Select(m => m.Trap), Does.Contain(trap), $"{row.Item}: no mutant {trap}");
            }
        });
    }

    [Test]
    public void Every_equation_algorithm_table_and_figure_has_its_row()
    {
        var items = string.Join('\n', Trace.All.Select(row => row.Item));
        for (var n = 1; n <= 11; n++)
            Assert.That(items, Does.Contain($"Eq. ({n})"));
        foreach (
            var other in new[]
            {
                "Algorithm 1",
                "Table I",
                "Tables II and III",
                "Table IV",
                "Figure 2",
                "Figures 3 and 4",
                "Figures 5, 6 and 7",
                "Figures 8 to 11",
            }
        )
            Assert.That(items, Does.Contain(other));
    }

    [Test]
    public void Every_golden_file_and_every_module_of_the_specification_is_in_a_row()
    {
        var prefixes = Trace.All.SelectMany(row => Named(row.Goldens)).ToList();
        var files = Repository
            .Files("tests/DiMum.Tests/Golden/public", "*.json")
            .Select(file => Path.GetFileNameWithoutExtension(file)!)
            .ToList();
        Assert.That(files, Is.Not.Empty);
        Assert.That(
            files.Where(file => !prefixes.Exists(p => file.StartsWith(p, StringComparison.Ordinal))),
            Is.Empty,
            "golden files in no row"
        );

        var modules = Trace.All.SelectMany(row => Named(row.Spec)).Select(name => name.Split('.')[0]).ToHashSet();
        var sources = Repository.Files("src/DiMum.Spec", "*.fs").Select(file => Path.GetFileNameWithoutExtension(file)!).ToList();
        Assert.That(
            sources.Except(modules),
            Is.EquivalentTo(Trace.Tools.Keys),
            "modules in no row and without a reason, or the other way round"
        );
    }

    [Test]
    public void Every_law_of_the_list_is_in_the_code_or_has_a_reason_and_no_other_is()
    {
        var inCode = LawsInCode();
        Assert.That(Trace.LawList.Select(law => law.Id), Is.EqualTo(Enumerable.Range(1, Trace.LawList.Count).Select(n => $"L{n}")));
        Assert.That(inCode.Except(Trace.LawList.Select(law => law.Id)), Is.Empty, "laws that the list does not have");
        Assert.That(inCode.Intersect(Trace.Without.Keys), Is.Empty, "laws that exist and have a reason for not existing");
        Assert.That(Trace.LawList.Select(law => law.Id).Except(inCode), Is.EquivalentTo(Trace.Without.Keys));
    }

    /// <summary>DIMUM_WRITE_DOCS=1 writes the page instead.</summary>
    [Test]
    public void The_page_is_what_these_tables_give()
    {
        var page = Written();
        if (Environment.GetEnvironmentVariable("DIMUM_WRITE_DOCS") == "1")
            File.WriteAllText(Path.Combine(Repository.Root, Page), page);
        Assert.That(
            Repository.Has(Page) ? Repository.Text(Page) : "",
            Is.EqualTo(page),
            $"{Page} is out of date: DIMUM_WRITE_DOCS=1 dotnet test tests/DiMum.Tests --filter Name~The_page"
        );
    }

    [Test]
    [Category("L49")]
    public void The_readme_maps_every_equation_to_what_exists()
    {
        var rows = Repository.Text("README.md").Split('\n').Where(line => EquationRow().IsMatch(line)).ToList();
        var equations = rows.SelectMany(row => row.Split('|')[1].Split(',')).Select(n => int.Parse(n.Trim()));
        Assert.That(equations.Order(), Is.EqualTo(Enumerable.Range(1, 11)));
        Assert.Multiple(() =>
        {
            foreach (var row in rows)
            {
                var cells = row.Split('|');
                foreach (Match name in Code().Matches(cells[3]))
                    Assert.That(SpecHas(name.Groups[1].Value), $"the specification has no {name.Groups[1].Value}");
                foreach (Match file in Code().Matches(cells[4]))
                    Assert.That(
                        Repository.Has("src/DiMum/" + file.Groups[1].Value)
                            || Repository.Has("src/DiMum/Unlearning/Methods/" + file.Groups[1].Value),
                        $"there is no {file.Groups[1].Value}"
                    );
            }
        });
    }

    private static bool SpecHas(string name)
    {
        var parts = name.Split('.');
        var file = $"src/DiMum.Spec/{parts[0]}.fs";
        return Repository.Has(file)
            && Regex.IsMatch(Repository.Text(file), $@"^let (rec )?{Regex.Escape(parts[1])}\b", RegexOptions.Multiline);
    }

    private static string Written()
    {
        var page = new StringBuilder();
        void Line(string text = "") => page.Append(text).Append('\n');
        static string Cell(string cell) => IsReason(cell) ? $"*{cell[1..]}*" : string.Join("<br>", cell.Split(' ').Select(c => $"`{c}`"));
        Line("# What is verified, and by what");
        Line();
        Line(
            "Generated from `tests/DiMum.Tests/Verification` and `tests/DiMum.Tests/Mutants`; a test fails where this page, or the code, has a hole."
        );
        Line();
        Line("| paper | specification | library | laws | golden files | mutants |");
        Line("|---|---|---|---|---|---|");
        foreach (var row in Trace.All)
            Line(
                $"| {row.Item} | {string.Join(" | ", new[] { row.Spec, row.Library, row.Laws, row.Goldens, row.Mutants }.Select(Cell))} |"
            );
        Line();
        Line("## Laws");
        Line();
        Line("`dotnet test properties/DiMum.Properties --filter Category=L14` runs those of one id.");
        Line();
        foreach (var (id, says) in Trace.LawList)
            Line($"* {id}: {says}" + (Trace.Without.TryGetValue(id, out var why) ? $". **Not here**: {why}" : ""));
        Line();
        Line("## Mutants");
        Line();
        Line(
            "Mistakes found by reading released baselines, as small wrong variants. The law holds on the original and fails on the variant."
        );
        Line();
        Line("| trap | variant | rejected by |");
        Line("|---|---|---|");
        foreach (var mutant in Traps.All)
            Line($"| {mutant.Trap} | {mutant.What} | {mutant.Law} |");
        return page.ToString();
    }

    [GeneratedRegex("(?:Law ?\\(?|Category |law\\s+|^\\s+)\"(L\\d+)\"", RegexOptions.Multiline)]
    private static partial Regex LawId();

    [GeneratedRegex(@"^\| \d+(, \d+)* \|")]
    private static partial Regex EquationRow();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();
}
