using System.IO.Compression;
using DiMum.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Checkpoints;

/// <summary>
/// Weights that PyTorch saved (<c>.pth</c>, <c>.pt</c>, <c>.ckpt</c>), both as the zip of PyTorch 1.6 and later and as the plain sequence before it.
/// Tensors and plain containers only: anything else in the file is refused by its name, nothing is executed, and sizes are held against the
/// file's before memory is taken.
/// </summary>
public sealed class PyTorchFile : IWeights
{
    internal const string Expected = "a PyTorch weights file (.pth, .pt, .ckpt)";
    private const int Deepest = 32;
    private const int MostTensors = 1_000_000;
    private const int MostEntries = 4_000_000;

    private readonly IStorages storages;
    private readonly string path;
    private long read;
    private int entries; // a container that many others hold counts each time: a small file may describe more than can ever be walked
    private Dictionary<string, StoredInfo>? infos;

    private PyTorchFile(string path, IStorages storages, object? root)
    {
        (this.path, this.storages) = (path, storages);
        var all = new Dictionary<string, StoredTensor>();
        Collect(root is Dictionary<object, object?> d && d.GetValueOrDefault("state_dict") is { } inner ? inner : root, "", 0, all);
        Tensors = all;
    }

    /// <summary>
    /// The tensors by name, those of <c>state_dict</c> where the file has one; names of nested containers are joined by dots, list entries by
    /// their number.
    /// </summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    /// <summary>Opens a file and reads its table, no data.</summary>
    /// <param name="path">The file.</param>
    /// <param name="passOver">
    /// Beginnings of member names whose objects are passed over instead of refused, unread (trainers leave their own objects beside the weights).
    /// </param>
    /// <exception cref="UserError">It is no such file, is damaged, or holds more than tensors and containers.</exception>
    public static PyTorchFile Open(string path, params string[] passOver)
    {
        var stream = InputFile.Open(path, Expected);
        try
        {
            Exception Bad(string why) => new UserError($"{stream.Name}: refused: {why}");
            var head = new byte[4];
            var length = stream.ReadAtLeast(head, 4, throwOnEndOfStream: false);
            stream.Position = 0;
            var unpickling = new Unpickling(passOver, Bad);
            IStorages storages = head switch
            {
                _ when length < 4 => throw Bad($"it has {length} bytes; expected {Expected}"),
                [(byte)'P', (byte)'K', 3, 4] => new ZipStorages(stream, Bad),
                [0x80, 0x02, 0x8a, _] => new PlainStorages(stream, Bad),
                _ => throw Bad($"it is neither a zip nor a pickle; expected {Expected}"),
            };
            return new PyTorchFile(stream.Name, storages, storages.Table(unpickling));
        }
        catch (Exception e)
        {
            stream.Dispose();
            if (e is IOException or InvalidDataException or UnauthorizedAccessException)
                throw new UserError(
                    $"{stream.Name}: damaged or incomplete ({e.Message.Split('\n')[0]}), expected {Expected}; fetch it again",
                    e
                );
            throw;
        }
    }

    /// <summary>All tensors of a file on CPU; the caller owns them.</summary>
    /// <exception cref="UserError">As <see cref="Open"/>.</exception>
    public static Dictionary<string, Tensor> ReadTensors(string path)
    {
        using var file = Open(path);
        var result = new Dictionary<string, Tensor>();
        try
        {
            foreach (var (name, stored) in file.Tensors)
                result[name] = file.Read(stored);
            return result;
        }
        catch
        {
            foreach (var tensor in result.Values)
                tensor.Dispose();
            throw;
        }
    }

    /// <summary>Whether a file is laid out as safetensors: a length, then a JSON object.</summary>
    public static bool IsSafetensors(string path)
    {
        using var stream = InputFile.Open(path, "a weights file");
        var head = new byte[9];
        return stream.ReadAtLeast(head, 9, throwOnEndOfStream: false) == 9 && head[8] == '{' && head[7] == 0;
    }

    /// <summary>A tensor's data, contiguous, on CPU; the caller owns it.</summary>
    /// <exception cref="UserError">The file ends early, or its tensors together are more than twice its size.</exception>
    public Tensor Read(StoredTensor stored)
    {
        var storage = stored.Storage;
        // Tied weights share a storage; a file that describes the same bytes again and again is refused.
        if ((read += stored.Count * storage.ElementSize) > 2 * storages.FileLength)
            throw new UserError($"{path}: refused: its tensors are together more than twice the file's {storages.FileLength} bytes");
        if (storage.Count * storage.ElementSize > int.MaxValue)
            throw new UserError($"{path}: refused: a storage of {storage.Count} elements is above 2 GiB");
        using var scope = NewDisposeScope();
        try
        {
            if (stored.IsContiguous)
                return Fill(storage, stored.Offset, [.. stored.Shape]).DetachFromDisposeScope();
            var whole = Fill(storage, 0, [storage.Count]);
            return whole.as_strided([.. stored.Shape], [.. stored.Strides], stored.Offset).clone().DetachFromDisposeScope();
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw new UserError($"{path}: damaged or incomplete ({e.Message.Split('\n')[0]}), expected {Expected}; fetch it again", e);
        }
    }

    /// <inheritdoc/>
    string IWeights.Source => path;

    /// <inheritdoc/>
    IReadOnlyDictionary<string, StoredInfo> IWeights.Stored =>
        infos ??= Tensors.ToDictionary(t => t.Key, t => new StoredInfo(t.Value.Type, t.Value.Shape));

    /// <inheritdoc/>
    void IWeights.CopyTo(string name, Tensor destination)
    {
        using var none = no_grad();
        using var read = Read(Tensors[name]);
        using var shaped = read.view(destination.shape);
        destination.copy_(shaped);
    }

    public void Dispose() => storages.Dispose();

    private Tensor Fill(PickledStorage storage, long offset, long[] shape)
    {
        var tensor = empty(shape, storage.Type);
        if (tensor.numel() > 0)
            storages.Read(storage, offset * storage.ElementSize, tensor.bytes);
        return tensor;
    }

    private void Collect(object? node, string name, int depth, Dictionary<string, StoredTensor> into)
    {
        if (depth > Deepest || into.Count > MostTensors)
            throw new UserError($"{path}: refused: its containers are nested too deep or hold more than {MostTensors:N0} tensors");
        if (node is StoredTensor tensor && !into.TryAdd(name, tensor))
            throw new UserError($"{path}: refused: it names tensor '{name}' twice");
        foreach (var (key, value) in Entries(node))
        {
            if (++entries > MostEntries)
                throw new UserError(
                    $"{path}: refused: its containers hold more than {MostEntries:N0} entries, one held twice counted twice"
                );
            if (value is StoredTensor or Dictionary<object, object?> or List<object?> or PickleTuple)
                Collect(value, Under(name, key), depth + 1, into);
        }
    }

    private string Under(string name, object key)
    {
        if (name.Length > Pickle.LongestKey)
            throw new UserError($"{path}: refused: the name of an entry is of more than {Pickle.LongestKey:N0} characters");
        return name.Length == 0 ? $"{key}" : $"{name}.{key}";
    }

    private static IEnumerable<(object Key, object? Value)> Entries(object? node) =>
        node switch
        {
            Dictionary<object, object?> dictionary => dictionary.Select(entry => (entry.Key, entry.Value)),
            List<object?> list => list.Select((item, i) => ((object)i, item)),
            PickleTuple tuple => tuple.Items.Select((item, i) => ((object)i, item)),
            _ => [],
        };
}
