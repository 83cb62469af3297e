using System.Diagnostics;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>The command under the settings it starts itself again with.</summary>
public class NativeSettingsTests
{
    private static (int Code, string Output, string Error) Run((string Name, string? Value)[] environment, params string[] arguments)
    {
        var info = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in new[] { typeof(Cli.Commands).Assembly.Location }.Concat(arguments))
            info.ArgumentList.Add(argument);
        foreach (var (name, value) in environment)
            info.Environment[name] = value;
        using var process = Process.Start(info)!;
        var output = process.StandardOutput.ReadToEnd();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error);
    }

    [Test]
    [Platform("Linux")]
    public void A_command_that_computes_runs_with_rare_collections()
    {
        var (code, output, _) = Run([("DOTNET_GCgen0size", null)], "doctor");
        Assert.That(code, Is.Zero);
        Assert.That(output, Does.Contain("0x10000000 bytes: collections are rare"));
    }

    [Test]
    public void What_the_user_set_stays()
    {
        var (_, output, _) = Run([("DOTNET_GCgen0size", "0x4000000")], "doctor");
        Assert.That(output, Does.Contain("0x4000000 bytes"));
    }

    [Test]
    public void Arguments_come_through_as_they_are()
    {
        var (code, _, error) = Run([("DOTNET_GCgen0size", null)], "run", "no  such ünïcode \"file\"", "--set", "");
        Assert.That(code, Is.EqualTo(2));
        Assert.That(error, Does.Contain("no  such ünïcode \"file\": no such file"));
    }
}
