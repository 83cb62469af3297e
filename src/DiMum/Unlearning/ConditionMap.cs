using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning;

/// <summary>
/// c̃ where each condition of D_u has one of its own (the Van Gogh prompt of an object, and the Abstractionism prompt of the same object): a table of
/// indices.
/// </summary>
public sealed class ConditionMap : IDisposable
{
    private readonly Tensor table; // int64 [K]; −1 where there is none

    /// <param name="map">From an index of D_u to its c̃.</param>
    /// <param name="count">K, number of conditions.</param>
    /// <param name="device">Where conditions live.</param>
    public ConditionMap(IReadOnlyDictionary<int, int> map, int count, Device device)
    {
        if (map.Any(m => m.Key < 0 || m.Key >= count || m.Value < 0 || m.Value >= count))
            throw new ArgumentException($"a condition map reaches outside 0…{count - 1}", nameof(map));
        var to = Enumerable.Range(0, count).Select(c => map.TryGetValue(c, out var other) ? (long)other : -1).ToArray();
        table = tensor(to, ScalarType.Int64, device).DetachFromDisposeScope();
    }

    /// <summary>c̃ for conditions of D_u; the step plays no part.</summary>
    /// <exception cref="ArgumentException">A condition has none.</exception>
    public Condition Of(Condition condition, int step)
    {
        using var scope = NewDisposeScope();
        var mapped = table.index_select(0, condition.Value);
        if (mapped.lt(0).any().item<bool>())
            throw new ArgumentException("a condition outside the unlearning set has no alternative", nameof(condition));
        return new(mapped.MoveToOuterDisposeScope());
    }

    public void Dispose() => table.Dispose();
}
