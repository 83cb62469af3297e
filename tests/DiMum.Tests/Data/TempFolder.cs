using System.IO.Compression;
using NUnit.Framework;

namespace DiMum.Tests.Data;

/// <summary>A folder of a test's own, gone with the test.</summary>
internal sealed class TempFolder : IDisposable
{
    public TempFolder() => Root = Directory.CreateTempSubdirectory("dimum-tests-").FullName;

    public string Root { get; }

    public string this[string name] => Path.Combine(Root, name);

    public string Write(string name, byte[] bytes)
    {
        var path = this[name];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public static byte[] Gzip(byte[] bytes)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.Fastest))
            gzip.Write(bytes);
        return target.ToArray();
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}

/// <summary>The law of every bad input: one line that names each of <c>parts</c>.</summary>
internal static class Refusal
{
    public static void Of(Action action, params string[] parts)
    {
        var message = Assert.Throws<UserError>(action)!.Message;
        Assert.That(message, Does.Not.Contain("\n"));
        Assert.Multiple(() =>
        {
            foreach (var part in parts)
                Assert.That(message, Does.Contain(part));
        });
    }
}
