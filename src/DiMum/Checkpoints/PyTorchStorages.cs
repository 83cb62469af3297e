using System.Buffers.Binary;
using System.IO.Compression;
using static TorchSharp.torch;

namespace DiMum.Checkpoints;

/// <summary>Where a PyTorch file keeps its table and its data.</summary>
internal interface IStorages : IDisposable
{
    long FileLength { get; }

    /// <summary>The pickled object, its tensors checked against the storages that are there.</summary>
    object? Table(Unpickling unpickling);

    /// <summary>Fills <paramref name="into"/> from a byte offset in a storage.</summary>
    void Read(PickledStorage storage, long from, Span<byte> into);
}

/// <summary>The members that weights files name, and what becomes of them.</summary>
internal sealed class Unpickling(IReadOnlyList<string> passOver, Func<string, Exception> bad)
{
    private static readonly Dictionary<string, (ScalarType Type, int Size)> Types = new()
    {
        ["torch.FloatStorage"] = (ScalarType.Float32, 4),
        ["torch.DoubleStorage"] = (ScalarType.Float64, 8),
        ["torch.HalfStorage"] = (ScalarType.Float16, 2),
        ["torch.BFloat16Storage"] = (ScalarType.BFloat16, 2),
        ["torch.LongStorage"] = (ScalarType.Int64, 8),
        ["torch.IntStorage"] = (ScalarType.Int32, 4),
        ["torch.ShortStorage"] = (ScalarType.Int16, 2),
        ["torch.CharStorage"] = (ScalarType.Int8, 1),
        ["torch.ByteStorage"] = (ScalarType.Byte, 1),
        ["torch.BoolStorage"] = (ScalarType.Bool, 1),
    };

    private static readonly HashSet<string> Makers =
    [
        "collections.OrderedDict",
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_parameter",
        "torch.Size",
    ];

    // What a number of NumPy is pickled by (a step count, a best score beside the weights). What they make is opaque: it holds nothing, and no
    // tensor is made of it.
    private static readonly HashSet<string> Inert =
    [
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
        "numpy.dtype",
        "_codecs.encode",
    ];

    public Func<string, Exception> Bad => bad;

    /// <summary>A reader of pickles over a stream; <paramref name="seen"/> learns of every storage that is named.</summary>
    public Pickle Reader(Stream stream, Action<PickledStorage> seen) =>
        new(stream, bad)
        {
            Known = name => Makers.Contains(name) || Types.ContainsKey(name) || Passed(name),
            Build = Make,
            Persistent = id => Storage(id, seen),
        };

    private bool Passed(string name) => Inert.Contains(name) || passOver.Any(p => name.StartsWith(p, StringComparison.Ordinal));

    private object? Make(string name, object?[] arguments) =>
        (name, arguments) switch
        {
            ("collections.OrderedDict", []) => new Dictionary<object, object?>(),
            (
                "torch._utils._rebuild_tensor"
                    or "torch._utils._rebuild_tensor_v2",
                [PickledStorage storage, long offset, var size, var stride, ..]
            ) => StoredTensor.Of(storage, offset, Longs(size), Longs(stride), bad),
            ("torch._utils._rebuild_parameter", [StoredTensor tensor, ..]) => tensor,
            ("torch.Size", [PickleTuple size]) => size,
            _ when Passed(name) => new PickleOpaque(name),
            _ => throw bad($"its pickle calls '{name}' with arguments that do not belong to it"),
        };

    private PickledStorage Storage(object? id, Action<PickledStorage> seen)
    {
        if (id is not PickleTuple { Items: ["storage", PickleGlobal type, string key, _, long count, .. var rest] } || count < 0)
            throw bad("its pickle refers to something outside that is no storage");
        if (!Types.TryGetValue(type.Name, out var element))
            throw bad($"a storage is of type '{type.Name}', known are {string.Join(' ', Types.Keys)}");
        if (rest is [not null, ..])
            throw bad("a storage is a view of another, as PyTorch before 0.4 wrote; save the file again with a newer one");
        var storage = new PickledStorage(key, element.Type, element.Size, count);
        seen(storage);
        return storage;
    }

    private long[] Longs(object? tuple) =>
        tuple is PickleTuple { Items: var items } && items.All(i => i is long)
            ? [.. items.Select(i => (long)i!)]
            : throw bad("a tensor's sizes are no whole numbers");
}

/// <summary>PyTorch 1.6 and later: a zip without compression, the pickle in <c>data.pkl</c>, each storage in <c>data/KEY</c>.</summary>
internal sealed class ZipStorages : IStorages
{
    private readonly ZipArchive zip;
    private readonly string root;
    private readonly Func<string, Exception> bad;

    public ZipStorages(FileStream stream, Func<string, Exception> bad)
    {
        this.bad = bad;
        FileLength = stream.Length;
        zip = new ZipArchive(stream, ZipArchiveMode.Read);
        var tables = zip
            .Entries.Where(e => e.FullName.Count(c => c == '/') == 1 && e.FullName.EndsWith("/data.pkl", StringComparison.Ordinal))
            .ToList();
        if (tables.Count != 1)
            throw bad($"a zip with {tables.Count} entries like NAME/data.pkl, expected one; this is no PyTorch file");
        root = tables[0].FullName[..^"data.pkl".Length];
        if (zip.GetEntry(root + "byteorder") is { } order)
        {
            using var reader = new StreamReader(Plain(order).Open());
            if (reader.ReadToEnd().Trim() != "little")
                throw bad("its data is big-endian; save it again on a little-endian machine");
        }
    }

    public long FileLength { get; }

    public object? Table(Unpickling unpickling)
    {
        using var stream = new BufferedStream(Plain(zip.GetEntry(root + "data.pkl")!).Open());
        return unpickling.Reader(stream, storage => Entry(storage)).Read();
    }

    public void Read(PickledStorage storage, long from, Span<byte> into)
    {
        using var stream = Entry(storage).Open();
        var skipped = new byte[(int)Math.Min(1 << 16, Math.Max(1, from))];
        for (var left = from; left > 0; left -= skipped.Length)
            stream.ReadExactly(skipped, 0, (int)Math.Min(left, skipped.Length));
        stream.ReadExactly(into);
    }

    public void Dispose() => zip.Dispose();

    private ZipArchiveEntry Entry(PickledStorage storage)
    {
        var entry = zip.GetEntry($"{root}data/{storage.Key}") ?? throw bad($"storage '{storage.Key}' is missing from the zip");
        if ((System.Numerics.BigInteger)storage.Count * storage.ElementSize != Plain(entry).Length)
            throw bad(
                $"storage '{storage.Key}' is said to hold {storage.Count} elements of {storage.ElementSize} bytes and has {entry.Length} bytes"
            );
        return entry;
    }

    // Never compressed by PyTorch; so nothing can swell on reading.
    private ZipArchiveEntry Plain(ZipArchiveEntry entry) =>
        entry.Length == entry.CompressedLength && entry.Length <= FileLength
            ? entry
            : throw bad(
                $"its entry '{entry.FullName}' is compressed ({entry.CompressedLength} to {entry.Length} bytes), which PyTorch never does"
            );
}

/// <summary>Before PyTorch 1.6: pickles of a magic number, a version, the system, the object and the storages' order, then the storages' data.</summary>
internal sealed class PlainStorages(FileStream stream, Func<string, Exception> bad) : IStorages
{
    private const string Magic = "0x1950a86a20f9469cfc6c";
    private const long Version = 1001;
    private readonly Dictionary<string, long> places = [];

    public long FileLength => stream.Length;

    public object? Table(Unpickling unpickling)
    {
        var named = new Dictionary<string, PickledStorage>();
        object? Next() =>
            unpickling
                .Reader(
                    stream,
                    s =>
                    {
                        if ((System.Numerics.BigInteger)s.Count * s.ElementSize > FileLength)
                            throw bad($"storage '{s.Key}' is said to hold {s.Count} elements, more than the file");
                        if (!named.TryAdd(s.Key, s) && named[s.Key] != s)
                            throw bad($"storage '{s.Key}' is described in two ways");
                    }
                )
                .Read();
        if (Next() is not Magic)
            throw bad("its magic number is not PyTorch's");
        if (Next() is not Version)
            throw bad($"its format is not version {Version}");
        if (Next() is Dictionary<object, object?> system && system.GetValueOrDefault("little_endian") is false)
            throw bad("its data is big-endian; save it again on a little-endian machine");
        var root = Next();
        if (Next() is not List<object?> keys)
            throw bad("the list of its storages is missing");
        Span<byte> word = stackalloc byte[8];
        foreach (var key in keys)
        {
            if (key is not string name || !named.TryGetValue(name, out var storage))
                throw bad($"it lists a storage '{key}' that no tensor has");
            if (stream.ReadAtLeast(word, 8, throwOnEndOfStream: false) < 8)
                throw bad($"it ends before storage '{name}'");
            var count = BinaryPrimitives.ReadInt64LittleEndian(word);
            if (count != storage.Count || stream.Position + count * storage.ElementSize > stream.Length)
                throw bad(
                    $"storage '{name}' is said to hold {storage.Count} elements; its place has {count}, the rest of the file {stream.Length - stream.Position} bytes"
                );
            places[name] = stream.Position;
            stream.Position += count * storage.ElementSize;
        }

        if (named.Keys.FirstOrDefault(name => !places.ContainsKey(name)) is { } missing)
            throw bad($"storage '{missing}' is missing from the file");
        return root;
    }

    public void Read(PickledStorage storage, long from, Span<byte> into)
    {
        stream.Position = places[storage.Key] + from;
        stream.ReadExactly(into);
    }

    public void Dispose() => stream.Dispose();
}
