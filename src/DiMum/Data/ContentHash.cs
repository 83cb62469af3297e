using System.Buffers.Binary;
using System.Security.Cryptography;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>What a data set or a file holds, as a name: two runs saw the same exactly when these agree.</summary>
public static class ContentHash
{
    private const long ChunkImages = 4096;

    /// <summary>
    /// The first 16 lower-case hexadecimal digits of SHA-256 over N, C, H, W (int64, little endian), the pixels and the labels (int64,
    /// little endian), in order. The data set's name, class names and device do not enter.
    /// </summary>
    public static string Of(Dataset data)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        AddWords(hash, data.Images.shape);
        for (long first = 0; first < data.Count; first += ChunkImages)
        {
            using var scope = NewDisposeScope();
            var n = Math.Min(ChunkImages, data.Count - first);
            hash.AppendData(data.Images.narrow(0, first, n).cpu().contiguous().bytes);
        }
        AddWords(hash, data.LabelArray());
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }

    /// <summary>All 64 lower-case hexadecimal digits of a file's SHA-256.</summary>
    /// <param name="path">The file.</param>
    /// <param name="what">What it is to the user, for messages.</param>
    /// <exception cref="UserError">It can't be read.</exception>
    internal static string OfFile(string path, string what)
    {
        using var stream = InputFile.Open(path, what);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private static void AddWords(IncrementalHash hash, long[] words)
    {
        var bytes = new byte[8 * words.Length];
        for (var i = 0; i < words.Length; i++)
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8 * i), words[i]);
        hash.AppendData(bytes);
    }
}
