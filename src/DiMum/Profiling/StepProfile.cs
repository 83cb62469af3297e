using DiMum.Nets;

namespace DiMum.Profiling;

/// <summary>A part of a step, in seconds from the step's beginning.</summary>
internal sealed record Phase(string Name, double Begin, double End)
{
    public double Seconds => End - Begin;
}

/// <summary>One module of a profiled step, with all that is inside it; seconds, FLOP and bytes of all its calls in the step.</summary>
/// <param name="Name">Prefix of its parameters.</param>
/// <param name="Parent">The module around it, or null.</param>
/// <param name="Kind">What bounds its own work.</param>
/// <param name="Forward">Seconds.</param>
/// <param name="Backward">Seconds; 0 where no gradient came.</param>
/// <param name="Own">Of both, outside the modules inside it.</param>
/// <param name="ForwardFlops">Multiplications and additions of convolutions, matrix products and attention.</param>
/// <param name="BackwardFlops">The same of the backward pass.</param>
/// <param name="Bytes">The least that its layers move: input, result and weights once forward; both slopes, input, weights and theirs backward.</param>
/// <param name="LeastSeconds">What the ceilings allow: of each layer the longer of arithmetic and memory, added up.</param>
internal sealed record ModuleTime(
    string Name,
    string? Parent,
    WorkKind Kind,
    double Forward,
    double Backward,
    double Own,
    double ForwardFlops,
    double BackwardFlops,
    double Bytes,
    double LeastSeconds
)
{
    public double Seconds => Forward + Backward;
    public double Flops => ForwardFlops + BackwardFlops;
}

/// <summary>A step as it was measured.</summary>
/// <param name="Phases">In order; together the step.</param>
/// <param name="Visits">Every passage through a module, in forward order.</param>
/// <param name="Modules">The same by module.</param>
/// <param name="PlainSeconds">Median of the same step without the probe.</param>
/// <param name="Counts">Of the same step without the probe.</param>
internal sealed record StepProfile(
    IReadOnlyList<Phase> Phases,
    IReadOnlyList<Visit> Visits,
    IReadOnlyList<ModuleTime> Modules,
    double PlainSeconds,
    StepCounts Counts
)
{
    /// <summary>The probed step.</summary>
    public double Seconds => Phases[^1].End - Phases[0].Begin;

    /// <summary>Modules that are inside no other: together with what lies between them they are the network.</summary>
    public IEnumerable<ModuleTime> Outermost => Modules.Where(m => m.Parent is null);

    public double Flops => Outermost.Sum(m => m.Flops);
}

/// <summary>Adds up visits by module.</summary>
internal static class ModuleTimes
{
    public static IReadOnlyList<ModuleTime> Of(IReadOnlyList<Visit> visits, ParameterVector parameters, Ceilings? ceilings)
    {
        var weights = parameters.Entries.GroupBy(p => Owner(p.Name)).ToDictionary(g => g.Key, g => g.Sum(p => p.Count));
        var inside = visits.ToLookup(v => v.Parent);
        var elementSize = parameters.Values.element_size();
        var costs = visits.ToDictionary(v => v, v => Cost.Of(v, !inside[v].Any(), weights, parameters.Frozen, elementSize, ceilings));
        Cost Whole(Visit v) => inside[v].Select(Whole).Aggregate(costs[v], (a, b) => a + b);
        return
        [
            .. visits
                .GroupBy(v => v.Name)
                .Select(calls =>
                {
                    var cost = calls.Select(Whole).Aggregate((a, b) => a + b);
                    return new ModuleTime(
                        calls.Key,
                        calls.First().Parent?.Name,
                        calls.First().Work.Kind,
                        calls.Sum(v => v.Forward),
                        calls.Sum(v => v.Backward),
                        calls.Sum(v => v.Forward + v.Backward - inside[v].Sum(c => c.Forward + c.Backward)),
                        cost.Forward,
                        cost.Backward,
                        cost.Bytes,
                        cost.Least
                    );
                }),
        ];
    }

    private static string Owner(string parameter) => parameter.LastIndexOf('.') is >= 0 and var dot ? parameter[..dot] : "";

    // Of a visit's own work.
    private readonly record struct Cost(double Forward, double Backward, double Bytes, double Least)
    {
        public static Cost operator +(Cost a, Cost b) =>
            new(a.Forward + b.Forward, a.Backward + b.Backward, a.Bytes + b.Bytes, a.Least + b.Least);

        public static Cost Of(Visit v, bool leaf, Dictionary<string, long> weights, bool frozen, long elementSize, Ceilings? ceilings)
        {
            var own = weights.GetValueOrDefault(v.Name);
            var back = !double.IsNaN(v.BackBegin);
            var forward = v.Work.FlopsAnElement * v.OutputElements;
            // As much again for each of the two factors whose slope is made: the input's, and the weights' (of attention, which has none, K's and V's).
            var slopes = (v.Differentiable ? 1 : 0) + (own == 0 || !frozen ? 1 : 0);
            var backward = back ? slopes * forward : 0;
            if (!leaf)
                return new(forward, backward, 0, 0);
            double move = v.InputBytes + v.OutputBytes + own * elementSize;
            double moveBack = back ? v.InputBytes * (v.Differentiable ? 2 : 1) + v.OutputBytes + own * elementSize * (frozen ? 1 : 2) : 0;
            var least = ceilings is null
                ? 0
                : Math.Max(forward / ceilings.Rate(v.Work.Kind), move / ceilings.Memory)
                    + Math.Max(backward / ceilings.Rate(v.Work.Kind), moveBack / ceilings.Memory);
            return new(forward, backward, move + moveBack, least);
        }
    }
}
