using System.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Checkpoints;

/// <summary>A run of elements in a PyTorch file.</summary>
internal sealed record PickledStorage(string Key, ScalarType Type, int ElementSize, long Count);

/// <summary>A tensor that a PyTorch file describes; its data is still in the file.</summary>
public sealed record StoredTensor
{
    private StoredTensor(PickledStorage storage, long offset, long[] shape, long[] strides) =>
        (Storage, Offset, Shape, Strides) = (storage, offset, shape, strides);

    /// <summary>Sizes.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Element type.</summary>
    public ScalarType Type => Storage.Type;

    internal PickledStorage Storage { get; }

    internal long Offset { get; }

    internal IReadOnlyList<long> Strides { get; }

    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (product, n) => product * n);

    internal bool IsContiguous
    {
        get
        {
            long expected = 1;
            for (var i = Shape.Count - 1; i >= 0; i--)
            {
                if (Shape[i] != 1 && Strides[i] != expected)
                    return false;
                expected *= Shape[i];
            }

            return true;
        }
    }

    /// <summary>A view of a storage, refused where it reaches outside or repeats elements, before anything is allocated.</summary>
    internal static StoredTensor Of(PickledStorage storage, long offset, long[] shape, long[] strides, Func<string, Exception> bad)
    {
        var text = $"[{string.Join(',', shape)}]";
        if (shape.Length != strides.Length || shape.Length > 16 || offset < 0 || shape.Any(n => n < 0) || strides.Any(n => n < 0))
            throw bad($"a tensor of shape {text} with strides [{string.Join(',', strides)}] at {offset} is impossible");
        var count = shape.Aggregate((BigInteger)1, (product, n) => product * n);
        var end = count.IsZero
            ? (BigInteger)0
            : offset + 1 + shape.Zip(strides).Aggregate((BigInteger)0, (sum, d) => sum + (BigInteger)(d.First - 1) * d.Second);
        if (end > storage.Count || count > storage.Count)
            throw bad(
                $"a tensor of shape {text} with strides [{string.Join(',', strides)}] at {offset} reaches outside its storage of {storage.Count} elements"
            );
        return new(storage, offset, shape, strides);
    }
}
