using System.Runtime.InteropServices;

namespace DiMum.Cli;

/// <summary>Turns a user's mistake into one line and exit code 2, and Ctrl-C or SIGTERM into a clean stop after a checkpoint.</summary>
internal static class Guarded
{
    /// <param name="action">What to do.</param>
    /// <param name="resumes">Whether the same command goes on where it was stopped.</param>
    public static int Call(Func<CancellationToken, int> action, bool resumes = true)
    {
        using var source = new CancellationTokenSource();
        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            source.Cancel();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        try
        {
            return action(source.Token);
        }
        catch (UserError e)
        {
            Console.Error.WriteLine($"dimum: {e.Message}");
            return 2;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine(
                resumes ? "dimum: stopped; the same command goes on from here." : "dimum: stopped; nothing was written."
            );
            return 130;
        }
        catch (Exception e) when (LoadFailure(e) is { } failure)
        {
            Console.Error.WriteLine(
                $"dimum: libtorch can't be loaded: {failure.Message.Split('\n')[0]} Try: dotnet build -c Release, then dimum doctor."
            );
            return 2;
        }
        catch (Exception e) when (InLibtorch(e) is { } failure)
        {
            Console.Error.WriteLine(
                $"dimum: libtorch failed: {failure} What is finished is kept; the same command goes on from there. If it fails again at the same place, please report it."
            );
            return 1;
        }
    }

    // TorchSharp's other exceptions of libtorch are of this kind too; each tells more than a stack trace.
    private static string? InLibtorch(Exception e) => e is ExternalException ? e.Message.Split('\n')[0].Trim() : null;

    private static Exception? LoadFailure(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
            if (e is DllNotFoundException or NotSupportedException { Source: "TorchSharp" })
                return e;
        return null;
    }
}
