using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Checkpoints;

/// <summary>
/// The safetensors format: 8 bytes length, a JSON header of names, dtypes, shapes and offsets, then the raw little-endian data. Written to a
/// temporary file, flushed to disk and renamed, so a reader sees the old file or the new one and never a part.
/// </summary>
public static class Safetensors
{
    private static readonly Dictionary<string, (ScalarType Type, int Size)> Types = new()
    {
        ["F64"] = (ScalarType.Float64, 8),
        ["F32"] = (ScalarType.Float32, 4),
        ["F16"] = (ScalarType.Float16, 2),
        ["BF16"] = (ScalarType.BFloat16, 2),
        ["I64"] = (ScalarType.Int64, 8),
        ["I32"] = (ScalarType.Int32, 4),
        ["I16"] = (ScalarType.Int16, 2),
        ["I8"] = (ScalarType.Int8, 1),
        ["U8"] = (ScalarType.Byte, 1),
        ["BOOL"] = (ScalarType.Bool, 1),
    };

    /// <summary>Writes tensors and string metadata.</summary>
    /// <exception cref="UserError">The folder can't be written or the disk is full; an existing file at <paramref name="path"/> is intact.</exception>
    public static void Write(string path, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        AtomicFile.Write(path, stream => WriteTo(stream, tensors, metadata ?? new Dictionary<string, string>()));
    }

    /// <summary>Reads all tensors (on CPU; the caller owns them) and the metadata.</summary>
    /// <exception cref="UserError">The file is missing, truncated or malformed; the message names it and what was expected.</exception>
    public static (Dictionary<string, Tensor> Tensors, Dictionary<string, string> Metadata) Read(string path)
    {
        if (!File.Exists(path))
            throw new UserError($"{Path.GetFullPath(path)}: no such file; expected a safetensors checkpoint");
        try
        {
            using var stream = File.OpenRead(path);
            return ReadFrom(stream, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"{Path.GetFullPath(path)}: can't be read: {e.Message}", e);
        }
    }

    private static void WriteTo(Stream stream, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            foreach (var (key, value) in metadata)
                json.WriteString(key, value);
            json.WriteEndObject();
            long offset = 0;
            foreach (var (name, tensor) in tensors)
            {
                var (code, size) = Types.Where(t => t.Value.Type == tensor.dtype).Select(t => (t.Key, t.Value.Size)).First();
                json.WriteStartObject(name);
                json.WriteString("dtype", code);
                json.WriteStartArray("shape");
                foreach (var n in tensor.shape)
                    json.WriteNumberValue(n);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.numel() * size);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0)
            buffer.WriteByte((byte)' ');
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, buffer.Length);
        stream.Write(length);
        buffer.Position = 0;
        buffer.CopyTo(stream);
        foreach (var tensor in tensors.Values.Where(t => t.numel() > 0))
        {
            using var scope = NewDisposeScope();
            stream.Write(tensor.detach().cpu().contiguous().bytes);
        }
    }

    private static (Dictionary<string, Tensor>, Dictionary<string, string>) ReadFrom(Stream stream, string path)
    {
        UserError Bad(string why) => new($"{Path.GetFullPath(path)}: not a whole safetensors file: {why}; fetch or make it again");
        Span<byte> head = stackalloc byte[8];
        if (stream.ReadAtLeast(head, 8, throwOnEndOfStream: false) < 8)
            throw Bad("shorter than its 8-byte length field");
        var length = BinaryPrimitives.ReadInt64LittleEndian(head);
        if (length < 2 || length > 100_000_000 || length > stream.Length - 8)
            throw Bad($"its header claims {length} bytes and the file has {stream.Length}");
        var header = new byte[length];
        stream.ReadExactly(header);
        var data = stream.Length - 8 - length;
        var tensors = new Dictionary<string, Tensor>();
        var metadata = new Dictionary<string, string>();
        try
        {
            using var json = JsonDocument.Parse(Encoding.UTF8.GetString(header));
            var places = new List<(long From, long To)>();
            foreach (var entry in json.RootElement.EnumerateObject())
            {
                if (entry.Name == "__metadata__")
                {
                    foreach (var pair in entry.Value.EnumerateObject())
                        metadata[pair.Name] = pair.Value.GetString() ?? "";
                    continue;
                }

                if (tensors.ContainsKey(entry.Name))
                    throw Bad($"it names tensor '{entry.Name}' twice");
                var (tensor, place) = ReadTensor(stream, entry, 8 + length, data, Bad);
                tensors[entry.Name] = tensor;
                places.Add(place);
            }

            // Tensors lie side by side: no gap, no overlap, nothing left over.
            var end = places.Order().Aggregate(0L, (at, place) => place.From == at ? place.To : -1);
            if (end != data)
                throw Bad(end < 0 ? "its tensors overlap or leave a gap" : $"its tensors fill {end} bytes and its data part has {data}");
            return (tensors, metadata);
        }
        catch (Exception e)
        {
            foreach (var tensor in tensors.Values)
                tensor.Dispose();
            if (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
                throw Bad($"its header is malformed ({e.Message.Split('\n')[0]})");
            throw;
        }
    }

    private static (Tensor, (long From, long To)) ReadTensor(
        Stream stream,
        JsonProperty entry,
        long start,
        long available,
        Func<string, UserError> bad
    )
    {
        var code = entry.Value.GetProperty("dtype").GetString() ?? "";
        if (!Types.TryGetValue(code, out var type))
            throw bad($"tensor '{entry.Name}' has dtype '{code}', known are {string.Join(' ', Types.Keys)}");
        var shape = entry.Value.GetProperty("shape").EnumerateArray().Select(n => n.GetInt64()).ToArray();
        var offsets = entry.Value.GetProperty("data_offsets").EnumerateArray().Select(n => n.GetInt64()).ToArray();
        var count = shape.Aggregate((System.Numerics.BigInteger)1, (product, n) => product * n);
        if (offsets.Length != 2 || shape.Any(n => n < 0) || offsets[0] < 0 || offsets[1] > available || offsets[1] < offsets[0])
            throw bad($"tensor '{entry.Name}' lies outside the file");
        if (count * type.Size != offsets[1] - offsets[0])
            throw bad(
                $"tensor '{entry.Name}' of shape [{string.Join(',', shape)}] needs {count * type.Size} bytes, its place has {offsets[1] - offsets[0]}"
            );
        if (shape.Where(n => n > 0).Aggregate((System.Numerics.BigInteger)1, (product, n) => product * n) > long.MaxValue / 8)
            throw bad($"tensor '{entry.Name}' has an impossible shape [{string.Join(',', shape)}]");
        var result = empty(shape, type.Type);
        if (result.numel() > 0)
        {
            stream.Position = start + offsets[0];
            stream.ReadExactly(result.bytes);
        }

        return (result.DetachFromDisposeScope(), (offsets[0], offsets[1]));
    }
}
