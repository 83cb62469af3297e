using DiMum.Checkpoints;

namespace DiMum.Runs;

/// <summary>One process a run folder: a file held open without sharing; a killed process lets go of it.</summary>
internal sealed class RunLock : IDisposable
{
    private readonly FileStream file;

    public RunLock(string folder)
    {
        var path = Path.Combine(folder, "run.lock");
        AtomicFile.MakeFolder(folder);
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new UserError($"{folder}: no right to write there; choose another run folder with --out", e);
        }
        catch (IOException e)
        {
            throw new UserError(
                e.Message.Contains("read-only", StringComparison.OrdinalIgnoreCase)
                    ? $"{folder}: is on a read-only file system; choose another run folder with --out"
                    : $"{folder}: another process is working in this run folder; wait for it or choose another with --out",
                e
            );
        }
    }

    public void Dispose() => file.Dispose();
}
