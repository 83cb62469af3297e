using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>
/// An endless sequence of shuffled epochs over 0…n−1, addressed by position: place p belongs to epoch ⌊p/n⌋, whose permutation depends on
/// (seed, epoch) alone. Nothing to store, nothing to restore, and every index comes once an epoch.
/// </summary>
public sealed class ShuffledOrder(long count, Seed seed)
{
    private long epoch = -1;
    private long[] permutation = [];

    /// <summary>The indices at places <paramref name="start"/> … <paramref name="start"/>+<paramref name="length"/>−1.</summary>
    public long[] At(long start, int length)
    {
        var result = new long[length];
        for (var i = 0; i < length; i++)
        {
            var place = start + i;
            if (place / count != epoch)
                Shuffle(place / count);
            result[i] = permutation[place % count];
        }

        return result;
    }

    private void Shuffle(long next)
    {
        using var scope = NewDisposeScope();
        using var generator = seed.At("epoch", next).Generator();
        permutation = randperm(count, ScalarType.Int64, generator: generator).data<long>().ToArray();
        epoch = next;
    }
}
