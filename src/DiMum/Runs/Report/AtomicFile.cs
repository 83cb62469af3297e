using System.Text;

namespace DiMum.Runs.Report;

/// <summary>Files that are either wholly there or as they were before: written beside their name, then renamed onto it.</summary>
internal static class AtomicFile
{
    /// <summary>Writes UTF-8 text without a byte-order mark.</summary>
    public static void WriteText(string path, string text) => WriteBytes(path, new UTF8Encoding(false).GetBytes(text));

    public static void WriteBytes(string path, byte[] bytes)
    {
        string fresh = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            File.WriteAllBytes(fresh, bytes);
            File.Move(fresh, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            File.Delete(fresh);
            throw new UserError($"cannot write {path}: {error.Message}", error);
        }
    }
}
