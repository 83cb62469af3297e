using System.Security.Cryptography;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>Images that are in memory, as bytes.</summary>
public sealed class TensorImageSet : ImageSet, IDisposable
{
    private const int HashedAtOnce = 1024;
    private readonly Tensor images; // uint8 [N,C,H,W]
    private readonly long[] labels;

    /// <param name="name">What they are, for messages and identities.</param>
    /// <param name="images">uint8 [N,C,H,W] with C = 1 or 3; copied.</param>
    /// <param name="labels">Class of each.</param>
    public TensorImageSet(string name, Tensor images, long[] labels)
        : base(name)
    {
        if (images.dtype != ScalarType.Byte || images.dim() != 4 || images.shape[1] is not (1 or 3) || images.shape[0] != labels.Length)
            throw new ArgumentException(
                $"'{name}': expected uint8 [N,1|3,H,W] and N labels, got {images.dtype} [{string.Join(',', images.shape)}]"
            );
        this.images = images.to(CPU, copy: true).contiguous().DetachFromDisposeScope();
        this.labels = labels;
        if (images.shape[1] == 1)
            Notes = [$"{name}: {Count} greyscale images taken as RGB of equal channels"];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var batch in Batches(HashedAtOnce))
            hash.AppendData(batch.bytes);
        Hash = Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }

    public override long Count => images.shape[0];

    public override int Height => (int)images.shape[2];

    public override int Width => (int)images.shape[3];

    public override string Hash { get; }

    public override IEnumerable<Tensor> Batches(int size)
    {
        for (long from = 0; from < Count; from += size)
        {
            using var scope = NewDisposeScope();
            yield return images.narrow(0, from, Math.Min(size, Count - from)).expand(-1, 3, -1, -1).contiguous();
        }
    }

    public override ImageSet FirstOfEachClass(int count)
    {
        var chosen = Enumerable.Range(0, labels.Length).GroupBy(i => labels[i]).SelectMany(g => g.Take(count)).Order().ToArray();
        using var scope = NewDisposeScope();
        return new TensorImageSet(
            Name,
            images.index_select(0, tensor(chosen.Select(i => (long)i).ToArray(), ScalarType.Int64)),
            [.. chosen.Select(i => labels[i])]
        );
    }

    public void Dispose() => images.Dispose();
}
