using System.Text.Json.Nodes;
using DiMum.Tests.Data;
using DiMum.Verification;
using NUnit.Framework;

namespace DiMum.Tests.Golden;

/// <summary>The verify verb: exit codes, totals, and what it says of two commits.</summary>
[NonParallelizable]
public class VerifyCommandTests
{
    private const string Small = "fid_frechet_n64_d16";

    [Test]
    public void A_folder_that_agrees_exits_0_with_totals()
    {
        using var folder = Goldens(Small, "schedule");
        var (code, output) = Call("verify", "--goldens", folder.Root);
        Assert.That(code, Is.Zero, output);
        Assert.That(output, Does.Contain("Passed  schedule").And.Contain("2 passed / 0 failed / 0 pending"));
    }

    [Test]
    public void A_wrong_number_exits_1_and_says_where()
    {
        using var folder = Goldens(Small);
        Spoil(folder);
        var (code, output) = Call("verify", "--goldens", folder.Root);
        Assert.That(code, Is.EqualTo(1), output);
        Assert.That(output, Does.Contain("Failed").And.Contain("0 passed / 1 failed / 0 pending").And.Contain("mu_A"));
    }

    [Test]
    public void Two_reports_say_what_moved()
    {
        using var folder = Goldens(Small, "schedule");
        var (older, newer) = (Path.Combine(folder.Root, "older"), Path.Combine(folder.Root, "newer"));
        Call("verify", "--goldens", folder.Root, "--json", older);
        var (same, unmoved) = Call("verify", "--compare", older, older);
        Assert.That(same, Is.Zero);
        Assert.That(unmoved, Does.Contain("2 cases, 0 moved, 0 worse"));

        Spoil(folder);
        File.Delete(Path.Combine(folder.Root, "schedule.json"));
        Call("verify", "--goldens", folder.Root, "--json", newer);
        var (worse, moved) = Call("verify", "--compare", older, newer);
        Assert.That(worse, Is.EqualTo(1));
        Assert.That(moved, Does.Contain("Passed → gone").And.Contain("Passed → Failed").And.Contain("2 worse"));
        Assert.That(Call("verify", "--compare", newer, older).Code, Is.Zero, "what mends is no regression");
    }

    [Test]
    public void An_error_that_grows_tenfold_within_its_tolerance_is_told_but_no_failure()
    {
        CaseResult Case(double worst) => new("c", "c.json", CaseStatus.Passed, 3, worst, "here", "", 0, [], 0);
        var older = VerifyReport.Of("cpu", "float32", [Case(0.01)]);
        var move = VerifyReport.Of("cpu", "float32", [Case(0.5)]).Since(older).Single();
        Assert.That(move.What, Does.Contain("0.01 → 0.5"));
        Assert.That(move.Worse, Is.False);
        Assert.That(VerifyReport.Of("cpu", "float32", [Case(0.05)]).Since(older), Is.Empty);
    }

    [Test]
    public void An_assembly_s_components_are_held_to_the_laws()
    {
        var (code, output) = Call("verify", "--assembly", typeof(DiMum.Diffusion.Samplers.Ddim).Assembly.Location);
        Assert.That(output, Does.Contain("passed L1   Ddim").And.Contain("passed L47  Ancestral"));
        Assert.That(output, Does.Contain("FAILED").And.Contain("no public constructor without parameters"), "methods want their numbers");
        Assert.That(code, Is.EqualTo(1), "what can't be made is not passed over");
    }

    [TestCase("verify --assembly {0}/none.dll", "no such file")]
    [TestCase("verify --goldens {0}/none", "no folder")]
    [TestCase("verify --precision float16", "expected float32 or float64")]
    [TestCase("verify --only no-such-case", "no-such-case")]
    [TestCase("verify --compare {0}/a {0}/b", "no such file")]
    [TestCase("verify --threads 0", "at least 1")]
    public void A_mistake_is_one_line_and_exit_code_2(string command, string expected)
    {
        using var folder = new TempFolder();
        var (code, output) = Call(command.Replace("{0}", folder.Root).Split(' '));
        Assert.That(code, Is.EqualTo(2), output);
        Assert.That(output, Does.Contain(expected));
        Assert.That(output.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(1), output);
    }

    private static TempFolder Goldens(params string[] names)
    {
        var folder = new TempFolder();
        foreach (var name in names)
            File.Copy(Path.Combine(GoldenTests.Folder, name + ".json"), Path.Combine(folder.Root, name + ".json"));
        return folder;
    }

    private static void Spoil(TempFolder folder)
    {
        var path = Path.Combine(folder.Root, Small + ".json");
        var file = JsonNode.Parse(File.ReadAllText(path))!;
        var mean = file["outputs"]!["mu_A"]!;
        var data = (mean["data"] ?? mean["value"]!["data"])!.AsArray();
        data[0] = data[0]!.GetValue<double>() + 1;
        File.WriteAllText(path, file.ToJsonString());
    }

    private static (int Code, string Output) Call(params string[] arguments)
    {
        var (code, output, error) = CommandLine.Call(arguments);
        return (code, output + error);
    }
}
