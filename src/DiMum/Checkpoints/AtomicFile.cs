namespace DiMum.Checkpoints;

/// <summary>Writes that either happen whole or not at all: temporary file beside the target, flushed to disk, renamed over it.</summary>
public static class AtomicFile
{
    private static long written;

    /// <summary>Writes <paramref name="path"/> by <paramref name="write"/>.</summary>
    /// <exception cref="UserError">Full disk, missing rights or a folder in the way; what stood at <paramref name="path"/> is intact.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var full = Path.GetFullPath(path);
        var temporary = $"{full}.{Environment.ProcessId}-{Interlocked.Increment(ref written)}.tmp"; // two threads may write one file
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(full)!);
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, full, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TryDelete(temporary);
            throw new UserError($"{full}: can't be written: {e.Message.TrimEnd('.')}; free the disk or choose another place", e);
        }
    }

    /// <summary>Writes text as UTF-8.</summary>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Asks before long work whether <paramref name="path"/> could be written: it is no folder, and its folder exists or can be made.</summary>
    /// <exception cref="UserError">It could not.</exception>
    public static void Prepare(string path)
    {
        var full = Path.GetFullPath(path);
        if (Directory.Exists(full))
            throw new UserError($"{full}: is a folder; expected the name of a file to write");
        MakeFolder(Path.GetDirectoryName(full)!);
    }

    /// <summary>Makes a folder, and those above it, where they are missing; its full path.</summary>
    /// <exception cref="UserError">A file in the way or missing rights.</exception>
    public static string MakeFolder(string path)
    {
        try
        {
            return Directory.CreateDirectory(path).FullName;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"{path}: can't make the folder: {e.Message.TrimEnd('.')}; choose another", e);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The write's own error is the one to report.
        }
    }
}
