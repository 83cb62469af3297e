namespace DiMum.Data;

/// <summary>
/// Opening and reading the files a user supplies: whatever goes wrong becomes one <see cref="UserError"/> line with the full path, what was
/// expected there and what to do.
/// </summary>
internal static class InputFile
{
    /// <summary>
    /// The full path of an existing folder; a leading <c>~/</c> is the home folder, since no shell expands it inside <c>key=~/…</c>.
    /// </summary>
    /// <exception cref="UserError">There is no such folder, or it is a file.</exception>
    public static string Folder(string folder, string expected)
    {
        var full = Full(folder, expected);
        if (File.Exists(full))
            throw new UserError(
                $"{full}: is a file, expected a folder with {expected}; pass the folder (an archive must be unpacked first)"
            );
        if (!Directory.Exists(full))
            throw new UserError($"{full}: no such folder (or no right to look into it), expected {expected}; check the path");
        return full;
    }

    /// <summary>What is directly in <paramref name="folder"/> and does not start with a dot, in ordinal order, as full paths.</summary>
    public static string[] List(string folder, bool folders)
    {
        try
        {
            var entries = folders ? Directory.GetDirectories(folder) : Directory.GetFiles(folder);
            return [.. entries.Where(e => !Path.GetFileName(e).StartsWith('.')).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Explain(folder, "a folder this user may list", e);
        }
    }

    /// <summary>Opens an existing file to read.</summary>
    /// <exception cref="UserError">It is missing, a folder or not readable.</exception>
    public static FileStream Open(string path, string expected)
    {
        var full = Full(path, expected);
        if (Directory.Exists(full))
            throw new UserError($"{full}: is a folder, expected a file: {expected}");
        try
        {
            return new FileStream(full, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Explain(full, expected, e);
        }
    }

    /// <summary>Reads exactly <paramref name="into"/>'s length from <paramref name="stream"/>, plain or decompressing.</summary>
    /// <exception cref="UserError">The file ends early, its gzip stream is corrupt, or reading failed.</exception>
    public static void Fill(Stream stream, Span<byte> into, string path, string expected)
    {
        try
        {
            stream.ReadExactly(into);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw Explain(path, expected, e);
        }
    }

    /// <summary>What <paramref name="error"/> means to the owner of <paramref name="path"/>, as one line.</summary>
    public static UserError Explain(string path, string expected, Exception error) =>
        new(
            error switch
            {
                FileNotFoundException or DirectoryNotFoundException => $"{path}: no such file, expected {expected}; check the path",
                UnauthorizedAccessException => $"{path}: permission denied, expected {expected}; give this user the right to read it",
                EndOfStreamException => $"{path}: ends early, expected {expected}; copy or download it again",
                InvalidDataException => $"{path}: corrupt gzip data, expected {expected}; copy or download it again",
                _ => $"{path}: cannot be read ({error.Message.ReplaceLineEndings(" ")}), expected {expected}; check the disk",
            },
            error
        );

    private static string Full(string path, string expected)
    {
        if (string.IsNullOrWhiteSpace(path) || path.Contains('\0'))
            throw new UserError($"'{path.Replace("\0", "\\0")}' is not a path, expected {expected}; pass an existing path");
        return path.StartsWith("~/", StringComparison.Ordinal)
            ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), path[2..])
            : Path.GetFullPath(path);
    }
}
