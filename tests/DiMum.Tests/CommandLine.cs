using DiMum.Cli;

namespace DiMum.Tests;

/// <summary>The command line in this process, what it prints caught; tests that use it can't run beside one another.</summary>
internal static class CommandLine
{
    /// <summary>Exit code, standard output and standard error.</summary>
    public static (int Code, string Output, string Error) Call(params string[] arguments)
    {
        var (output, error) = (Console.Out, Console.Error);
        using var caughtOutput = new StringWriter();
        using var caughtError = new StringWriter();
        try
        {
            Console.SetOut(caughtOutput);
            Console.SetError(caughtError);
            return (Commands.Invoke(arguments), caughtOutput.ToString(), caughtError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }
}
