using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Profiling;

/// <summary>One passage through a module, forward and back; times in seconds on the probe's clock.</summary>
internal sealed class Visit
{
    public required string Name { get; init; }
    public required Visit? Parent { get; init; }
    public double Begin { get; set; }
    public double End { get; set; }

    /// <summary>Backward; NaN where no gradient came.</summary>
    public double BackBegin { get; set; } = double.NaN;
    public double BackEnd { get; set; } = double.NaN;

    public Work Work { get; set; }
    public long InputElements { get; init; }
    public long OutputElements { get; set; }
    public long InputBytes { get; init; }
    public long OutputBytes { get; set; }

    /// <summary>Whether a gradient goes on to what comes before.</summary>
    public bool Differentiable { get; init; }

    public double Forward => End - Begin;
    public double Backward => double.IsNaN(BackBegin) ? 0 : BackEnd - BackBegin;
}

/// <summary>
/// Times of every module's forward and backward pass. Forward: from its call to its return. Backward: an identity (<see cref="Mark"/>) at the result
/// notes when the gradient arrives, one at the input when it leaves. libtorch takes what is ready in the opposite order of the forward calls, so
/// everything inside a module, gradients of its weights included, lies between the two. Where the input needs no gradient, a module's end is the next
/// module's beginning, or the end of the pass.
/// </summary>
internal sealed class ModuleProbe(Clock clock) : IModuleProbe
{
    private readonly List<Visit> visits = [];
    private readonly Stack<Visit> open = new();

    /// <summary>In the order of their forward calls.</summary>
    public IReadOnlyList<Visit> Visits => visits;

    public Tensor Begin(string module, Tensor input)
    {
        var differentiable = input.requires_grad && is_grad_enabled();
        var visit = new Visit
        {
            Name = module,
            Parent = open.Count > 0 ? open.Peek() : null,
            InputElements = input.numel(),
            InputBytes = input.numel() * input.element_size(),
            Differentiable = differentiable,
        };
        visits.Add(visit);
        open.Push(visit);
        if (differentiable)
            input = Mark.Of(input, () => visit.BackEnd = clock.Now);
        visit.Begin = clock.Now;
        return input;
    }

    public Tensor End(Tensor output, Work work)
    {
        var visit = open.Pop();
        visit.End = clock.Now;
        visit.Work = work;
        visit.OutputElements = output.numel();
        visit.OutputBytes = output.numel() * output.element_size();
        return output.requires_grad ? Mark.Of(output, () => visit.BackBegin = clock.Now) : output;
    }

    /// <summary>Gives every module that had no end of its own backward one; <paramref name="end"/> is the pass's.</summary>
    public void Close(double end)
    {
        var inside = visits.ToLookup(v => v.Parent);
        var starts = visits.Where(v => !double.IsNaN(v.BackBegin)).OrderBy(v => v.BackBegin).ToList();
        foreach (var visit in starts.Where(v => double.IsNaN(v.BackEnd)))
        {
            var own = Below(visit).ToHashSet();
            var next = starts.FirstOrDefault(v => v.BackBegin > visit.BackBegin && !own.Contains(v));
            visit.BackEnd = Math.Min(next?.BackBegin ?? end, Enclosing(visit, end));
        }

        IEnumerable<Visit> Below(Visit v) => inside[v].SelectMany(c => Below(c).Prepend(c));
    }

    // A parent whose input needs a gradient has its end already.
    private static double Enclosing(Visit visit, double end)
    {
        for (var parent = visit.Parent; parent is not null; parent = parent.Parent)
            if (!double.IsNaN(parent.BackEnd))
                return parent.BackEnd;
        return end;
    }
}
