using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Numerics;
using System.Text;
using System.Text.Json;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Checkpoints;

/// <summary>
/// A safetensors file mapped into memory: the table is read and checked when it is opened, a tensor's bytes when it is asked for. Sizes are held
/// against the file's before anything is allocated.
/// </summary>
public sealed class SafetensorsFile : IWeights
{
    internal static readonly IReadOnlyDictionary<string, (ScalarType Type, int Size)> Types = new Dictionary<string, (ScalarType, int)>
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

    private const long LongestHeader = 100_000_000;

    private readonly Dictionary<string, StoredInfo> stored = [];
    private readonly Dictionary<string, (long From, long To)> places = [];
    private readonly Dictionary<string, string> metadata = [];
    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private readonly long start;

    private SafetensorsFile(string path)
    {
        Source = Path.GetFullPath(path);
        if (!File.Exists(path))
            throw new UserError($"{Source}: no such file; expected a safetensors checkpoint");
        using (var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read))
            start = ReadTable(stream);
        map = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
    }

    /// <inheritdoc/>
    public string Source { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, StoredInfo> Stored => stored;

    /// <summary>The header's own texts.</summary>
    public IReadOnlyDictionary<string, string> Metadata => metadata;

    /// <summary>Opens a file and checks its table.</summary>
    /// <exception cref="UserError">The file is missing, truncated or malformed; the message names it and what was expected.</exception>
    public static SafetensorsFile Open(string path)
    {
        try
        {
            return new(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"{Path.GetFullPath(path)}: can't be read: {e.Message}", e);
        }
    }

    /// <summary>The tensor of a file that this program wrote for itself, on CPU, of the caller's dispose scope.</summary>
    /// <exception cref="UserError">It is damaged, or has no tensor of that name.</exception>
    internal static Tensor ReadOwn(string path, string name)
    {
        using var file = Open(path);
        return file.stored.ContainsKey(name)
            ? file.ReadInScope(name)
            : throw new UserError($"{path}: holds no '{name}'; it was not written by this program: delete it");
    }

    /// <summary>A tensor on CPU as stored; the caller owns it, no dispose scope does.</summary>
    public Tensor Read(string name) => ReadInScope(name).DetachFromDisposeScope();

    /// <summary>A tensor on CPU as stored, of the caller's dispose scope like one that is computed.</summary>
    public Tensor ReadInScope(string name)
    {
        var info = stored[name];
        var result = empty([.. info.Shape], info.Type);
        Fill(name, result);
        return result;
    }

    /// <inheritdoc/>
    public void CopyTo(string name, Tensor destination)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        if (destination.dtype == stored[name].Type && destination.device_type == DeviceType.CPU && destination.is_contiguous())
        {
            Fill(name, destination);
            return;
        }

        var read = empty([.. stored[name].Shape], stored[name].Type);
        Fill(name, read);
        destination.copy_(read.view(destination.shape));
    }

    public void Dispose()
    {
        view.Dispose();
        map.Dispose();
    }

    private unsafe void Fill(string name, Tensor contiguous)
    {
        byte* first = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref first);
        try
        {
            var from = (nint)(first + view.PointerOffset + start + places[name].From);
            TensorPieces.Visit(contiguous, (bytes, offset) => new ReadOnlySpan<byte>((byte*)from + offset, bytes.Length).CopyTo(bytes));
        }
        finally
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
        }
    }

    private UserError Bad(string why) => new($"{Source}: not a whole safetensors file: {why}; fetch or make it again");

    // Returns where the data begin.
    private long ReadTable(Stream stream)
    {
        Span<byte> head = stackalloc byte[8];
        if (stream.ReadAtLeast(head, 8, throwOnEndOfStream: false) < 8)
            throw Bad("shorter than its 8-byte length field");
        var length = BinaryPrimitives.ReadInt64LittleEndian(head);
        if (length < 2 || length > LongestHeader || length > stream.Length - 8)
            throw Bad($"its header claims {(ulong)length} bytes and the file has {stream.Length}");
        var header = new byte[length];
        stream.ReadExactly(header);
        var data = stream.Length - 8 - length;
        try
        {
            using var json = JsonDocument.Parse(Encoding.UTF8.GetString(header));
            foreach (var entry in json.RootElement.EnumerateObject())
                if (entry.Name == "__metadata__")
                    foreach (var pair in entry.Value.EnumerateObject())
                        metadata[pair.Name] = pair.Value.GetString() ?? "";
                else
                    Describe(entry, data);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw Bad($"its header is malformed ({e.Message.Split('\n')[0]})");
        }

        // Tensors lie side by side: no gap, no overlap, nothing left over.
        var end = places.Values.Order().Aggregate(0L, (at, place) => place.From == at ? place.To : -1);
        if (end != data)
            throw Bad(end < 0 ? "its tensors overlap or leave a gap" : $"its tensors fill {end} bytes and its data part has {data}");
        return 8 + length;
    }

    private void Describe(JsonProperty entry, long available)
    {
        var code = entry.Value.GetProperty("dtype").GetString() ?? "";
        if (!Types.TryGetValue(code, out var type))
            throw Bad($"tensor '{entry.Name}' has dtype '{code}', known are {string.Join(' ', Types.Keys)}");
        var shape = entry.Value.GetProperty("shape").EnumerateArray().Select(n => n.GetInt64()).ToArray();
        var offsets = entry.Value.GetProperty("data_offsets").EnumerateArray().Select(n => n.GetInt64()).ToArray();
        if (offsets.Length != 2 || shape.Any(n => n < 0) || offsets[0] < 0 || offsets[1] > available || offsets[1] < offsets[0])
            throw Bad($"tensor '{entry.Name}' lies outside the file");
        BigInteger Product(IEnumerable<long> sizes) => sizes.Aggregate((BigInteger)1, (product, n) => product * n);
        if (Product(shape) * type.Size is var bytes && bytes != offsets[1] - offsets[0])
            throw Bad(
                $"tensor '{entry.Name}' of shape [{string.Join(',', shape)}] needs {bytes} bytes, its place has {offsets[1] - offsets[0]}"
            );
        if (Product(shape.Where(n => n > 0)) > long.MaxValue / 8)
            throw Bad($"tensor '{entry.Name}' has an impossible shape [{string.Join(',', shape)}]");
        if (!stored.TryAdd(entry.Name, new(type.Type, shape)))
            throw Bad($"it names tensor '{entry.Name}' twice");
        places[entry.Name] = (offsets[0], offsets[1]);
    }
}
