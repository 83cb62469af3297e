using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Checkpoints;

/// <summary>What a file says of one tensor.</summary>
/// <param name="Type">Element type, as stored.</param>
/// <param name="Shape">Sizes.</param>
public readonly record struct StoredInfo(ScalarType Type, IReadOnlyList<long> Shape)
{
    public string ShapeText => $"[{string.Join(',', Shape)}]";
}

/// <summary>Named tensors in a file or a set of files, read one at a time into memory that is there already.</summary>
public interface IWeights : IDisposable
{
    /// <summary>Full path of the file, or of the index of a set.</summary>
    string Source { get; }

    /// <summary>All tensors by name.</summary>
    IReadOnlyDictionary<string, StoredInfo> Stored { get; }

    /// <summary>Writes a tensor's elements into <paramref name="destination"/>, of as many elements and any floating type or device.</summary>
    void CopyTo(string name, Tensor destination);
}

/// <summary>A tensor's memory piece by piece: a span holds less than 2 GiB, a flat vector of weights may be longer.</summary>
internal static class TensorPieces
{
    private const long PieceElements = 1 << 26;

    public delegate void Use(Span<byte> bytes, long offset);

    /// <summary>Calls <paramref name="use"/> with the bytes of a contiguous CPU tensor and their place in it, in order.</summary>
    public static void Visit(Tensor contiguous, Use use)
    {
        var (count, size) = (contiguous.numel(), contiguous.element_size());
        using var scope = NewDisposeScope();
        using var none = no_grad();
        var flat = contiguous.detach().view(-1);
        for (long from = 0; from < count; from += PieceElements)
        {
            using var piece = flat.narrow(0, from, Math.Min(PieceElements, count - from));
            use(piece.bytes, from * size);
        }
    }
}
