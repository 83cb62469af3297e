using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>
/// A seeded source of pairs (x₀, c): the first-class object of this project. Train D, Forget D_u, Retain D_r, Auxiliary D_a and
/// Memorization D_m are five pairings, and Eqs. (4), (7), (8) and (10) are one loss on them. The tensors are the data set's, which must outlive it: a
/// pairing owns none, so there is nothing to dispose of.
/// </summary>
public sealed class Pairing
{
    private readonly Tensor images; // uint8 [N,C,H,W]
    private readonly Tensor conditions; // [M,…]
    private readonly long[] imageIndex;
    private readonly long[]? conditionIndex; // null: the image's own condition
    private readonly long[]? relabelled; // in place of conditions, by image

    private Pairing(
        string name,
        Tensor images,
        Tensor conditions,
        long[] imageIndex,
        long[]? conditionIndex = null,
        long[]? relabelled = null
    )
    {
        if (imageIndex.Length == 0 || conditionIndex is { Length: 0 })
            throw new UserError($"the {name} set is empty: check the unlearned class, the alternative and the data");
        (Name, this.images, this.conditions, this.imageIndex) = (name, images, conditions, imageIndex);
        (this.conditionIndex, this.relabelled) = (conditionIndex, relabelled);
    }

    /// <summary>train, forget, retain, auxiliary or memorization; also the purpose under which its draws are seeded.</summary>
    public string Name { get; }

    /// <summary>Number of distinct images.</summary>
    public int Count => imageIndex.Length;

    /// <summary>Places of the images in their data set.</summary>
    public IReadOnlyList<long> ImageIndex => imageIndex;

    /// <summary>D: every image under its own label.</summary>
    public static Pairing Train(Dataset data) => Own("train", data, _ => true);

    /// <summary>D_u: the images of the unlearned classes.</summary>
    public static Pairing Forget(Dataset data, IReadOnlySet<int> unlearned) => Own("forget", data, unlearned.Contains);

    /// <summary>D_r = D ∖ D_u.</summary>
    public static Pairing Retain(Dataset data, IReadOnlySet<int> unlearned) => Own("retain", data, label => !unlearned.Contains(label));

    /// <summary>D_a: what the attacker of Eq. (7) holds; images of the unlearned classes are left out whatever the source is.</summary>
    public static Pairing Auxiliary(Dataset data, IReadOnlySet<int> unlearned) =>
        Own("auxiliary", data, label => !unlearned.Contains(label));

    /// <summary>
    /// Equation (9): D_m = { (x_m, c_u) : x_m an image of an alternative class in D_r, c_u a condition of D_u }, the two drawn independently.
    /// </summary>
    public static Pairing Memorization(Dataset data, IReadOnlySet<int> unlearned, IReadOnlySet<int> alternative)
    {
        if (alternative.Overlaps(unlearned))
            throw new UserError("the alternative must lie in the retain set: it names a class that is being unlearned");
        return new("memorization", data.Images, data.Labels, Indices(data, alternative.Contains), Indices(data, unlearned.Contains));
    }

    /// <summary>
    /// Equation (9) where images and conditions belong together: every image whose label is a key, under the condition it maps to
    /// (Abstractionism images under the Van Gogh prompt of the same object).
    /// </summary>
    public static Pairing Memorization(Dataset data, IReadOnlyDictionary<int, int> conditionOf) =>
        Relabelled("memorization", data, conditionOf);

    /// <summary>The images whose label is a key of <paramref name="conditionOf"/>, each under the condition it maps to.</summary>
    public static Pairing Relabelled(string name, Dataset data, IReadOnlyDictionary<int, int> conditionOf)
    {
        var conditions = data.LabelArray().Select(label => conditionOf.TryGetValue((int)label, out var c) ? (long)c : label).ToArray();
        return new(name, data.Images, data.Labels, Indices(data, conditionOf.ContainsKey), relabelled: conditions);
    }

    /// <summary>Any images under their own conditions, for sources that are not a <see cref="Dataset"/>.</summary>
    public static Pairing Of(string name, Tensor images, Tensor conditions) =>
        new(name, images, conditions, [.. Enumerable.Range(0, (int)images.shape[0]).Select(i => (long)i)]);

    /// <summary>An endless, shuffled, seeded reading of this pairing.</summary>
    public PairReader Read(Seed seed) => new(this, seed);

    internal (Tensor Images, Tensor Conditions) Gather(long[] places, long[]? conditionPlaces)
    {
        using var scope = NewDisposeScope();
        Tensor Numbers(IEnumerable<long> values) => tensor(values.ToArray(), ScalarType.Int64, images.device);
        var image = Numbers(places.Select(p => imageIndex[p]));
        var condition =
            relabelled is not null ? Numbers(places.Select(p => relabelled[imageIndex[p]]))
            : conditionIndex is null ? conditions.index_select(0, image)
            : conditions.index_select(0, Numbers(conditionPlaces!.Select(p => conditionIndex[p])));
        return (images.index_select(0, image).MoveToOuterDisposeScope(), condition.MoveToOuterDisposeScope());
    }

    internal int? ConditionCount => conditionIndex?.Length;

    private static Pairing Own(string name, Dataset data, Func<int, bool> keep) => new(name, data.Images, data.Labels, Indices(data, keep));

    private static long[] Indices(Dataset data, Func<int, bool> keep)
    {
        var labels = data.LabelArray();
        return [.. Enumerable.Range(0, labels.Length).Where(i => keep((int)labels[i])).Select(i => (long)i)];
    }
}

/// <summary>Reads a pairing batch by batch; what step s returns depends on (seed, s, batch size) alone.</summary>
public sealed class PairReader(Pairing pairing, Seed seed)
{
    private readonly ShuffledOrder order = new(pairing.Count, seed.At(pairing.Name + "/images"));
    private readonly ShuffledOrder? conditions = pairing.ConditionCount is { } n ? new(n, seed.At(pairing.Name + "/conditions")) : null;

    /// <summary>Images uint8 [B,C,H,W] and conditions [B,…] of step <paramref name="step"/>.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="size">B.</param>
    /// <param name="wholeEpochs">Whether an epoch ends with the smaller batch that is left of it, instead of running into the next.</param>
    public (Tensor Images, Tensor Conditions) Batch(long step, int size, bool wholeEpochs = false)
    {
        var (start, length) = Span(step, size, wholeEpochs);
        return pairing.Gather(order.At(start, length), conditions?.At(start, length));
    }

    /// <summary>Places of step <paramref name="step"/>'s images in the pairing.</summary>
    public long[] Places(long step, int size, bool wholeEpochs = false)
    {
        var (start, length) = Span(step, size, wholeEpochs);
        return order.At(start, length);
    }

    /// <summary>The first <paramref name="size"/> images in the data set's order, or all where it has fewer: no shuffling.</summary>
    public (Tensor Images, Tensor Conditions) First(int size)
    {
        long[] Some(int count) => [.. Enumerable.Range(0, Math.Min(size, pairing.Count)).Select(i => (long)i % count)];
        return pairing.Gather(Some(pairing.Count), pairing.ConditionCount is { } n ? Some(n) : null);
    }

    /// <summary>The images of one pass over the whole pairing, the last batch smaller.</summary>
    public IEnumerable<(Tensor Images, Tensor Conditions)> Pass(int size)
    {
        for (var from = 0; from < pairing.Count; from += size)
        {
            var n = Math.Min(size, pairing.Count - from);
            yield return pairing.Gather(order.At(from, n), conditions?.At(from, n));
        }
    }

    // Where step's images begin in the endless order, and how many they are.
    private (long Start, int Length) Span(long step, int size, bool wholeEpochs)
    {
        if (!wholeEpochs)
            return (step * size, size);
        var steps = (pairing.Count + size - 1) / size;
        var from = step % steps * size;
        return (step / steps * pairing.Count + from, (int)Math.Min(size, pairing.Count - from));
    }
}
