using System.Security.Cryptography;
using System.Text;
using DiMum.Checkpoints;

namespace DiMum.Runs;

/// <summary>
/// One stage of a run on disk, at <c>stages/NAME-KEY</c>; the key hashes everything that decides the stage's result, so a changed setting gets a
/// new folder and an unchanged one finds its work done.
/// </summary>
public sealed class StageFolder
{
    public StageFolder(string runFolder, string name, string key)
    {
        Name = name;
        Key = key;
        RunFolder = runFolder;
        Path = System.IO.Path.Combine(runFolder, "stages", $"{name}-{key}");
    }

    public string Name { get; }
    public string Key { get; }
    public string RunFolder { get; }
    public string Path { get; }

    /// <summary>The weights the stage ends with.</summary>
    public string Model => File("model.safetensors");

    /// <summary>What resuming needs.</summary>
    public string Checkpoint => File("checkpoint.safetensors");

    /// <summary>Losses, a JSON object a line.</summary>
    public string Metrics => File("metrics.jsonl");

    /// <summary>Evaluations, a JSON object a line.</summary>
    public string Curve => File("curve.jsonl");

    /// <summary>Whether the stage's result is complete: <c>done.json</c> is written last.</summary>
    public bool Done => System.IO.File.Exists(File("done.json"));

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>A path as the report refers to it, from the run folder.</summary>
    public string Relative(string file) => System.IO.Path.GetRelativePath(RunFolder, File(file)).Replace('\\', '/');

    public void Complete<T>(T result)
    {
        AtomicFile.WriteText(File("done.json"), Json.Write(result));
        if (System.IO.File.Exists(Checkpoint))
            System.IO.File.Delete(Checkpoint);
    }

    public T Result<T>() => Json.Read<T>(System.IO.File.ReadAllText(File("done.json")), File("done.json"));

    /// <summary>First 12 hex digits of SHA-256 over the parts.</summary>
    public static string KeyOf(params object[] parts)
    {
        var text = string.Join('\n', parts.Select(p => p is string s ? s : YamlRecord.Write(p)));
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..12].ToLowerInvariant();
    }
}
