using System.Buffers.Binary;
using System.Text.Json;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Checkpoints;

/// <summary>A tensor to be written, made when its turn comes: a converted copy of one is in memory at a time.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">As it is written.</param>
/// <param name="Shape">Sizes.</param>
/// <param name="Value">Makes it; disposed after writing.</param>
public sealed record WrittenTensor(string Name, ScalarType Type, IReadOnlyList<long> Shape, Func<Tensor> Value);

/// <summary>
/// The safetensors format: 8 bytes length, a JSON header of names, dtypes, shapes and offsets, then the raw little-endian data. Written to a
/// temporary file, flushed to disk and renamed, so a reader sees the old file or the new one and never a part.
/// </summary>
public static class Safetensors
{
    /// <summary>Writes tensors and string metadata.</summary>
    /// <exception cref="UserError">The folder can't be written or the disk is full; an existing file at <paramref name="path"/> is intact.</exception>
    public static void Write(
        string path,
        IReadOnlyDictionary<string, Tensor> tensors,
        IReadOnlyDictionary<string, string>? metadata = null
    ) => Write(path, [.. tensors.Select(t => new WrittenTensor(t.Key, t.Value.dtype, t.Value.shape, () => t.Value.alias()))], metadata);

    /// <summary>The same, each tensor made when it is written.</summary>
    public static void Write(string path, IReadOnlyList<WrittenTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        AtomicFile.Write(path, stream => WriteTo(stream, tensors, metadata ?? new Dictionary<string, string>()));

    /// <summary>Reads all tensors (on CPU; the caller owns them, no dispose scope does) and the metadata.</summary>
    /// <exception cref="UserError">The file is missing, truncated or malformed; the message names it and what was expected.</exception>
    public static (Dictionary<string, Tensor> Tensors, Dictionary<string, string> Metadata) Read(string path)
    {
        using var file = SafetensorsFile.Open(path);
        return (file.Stored.Keys.ToDictionary(name => name, file.Read), new(file.Metadata));
    }

    private static void WriteTo(Stream stream, IReadOnlyList<WrittenTensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var header = Header(tensors, metadata);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        stream.Write(length);
        header.Position = 0;
        header.CopyTo(stream);
        foreach (var tensor in tensors)
        {
            using var none = no_grad();
            using var scope = NewDisposeScope();
            using var value = tensor.Value();
            TensorPieces.Visit(value.detach().to(tensor.Type).cpu().contiguous(), (bytes, _) => stream.Write(bytes));
        }
    }

    private static MemoryStream Header(IReadOnlyList<WrittenTensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            foreach (var (key, value) in metadata)
                json.WriteString(key, value);
            json.WriteEndObject();
            long offset = 0;
            foreach (var tensor in tensors)
            {
                var (code, size) = SafetensorsFile.Types.Where(t => t.Value.Type == tensor.Type).Select(t => (t.Key, t.Value.Size)).First();
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", code);
                json.WriteStartArray("shape");
                foreach (var n in tensor.Shape)
                    json.WriteNumberValue(n);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.Shape.Aggregate(1L, (product, n) => product * n) * size);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0)
            buffer.WriteByte((byte)' ');
        return buffer;
    }
}
