using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion.Samplers;

/// <summary>The (guided) network's output at x and t; t is one number for the whole batch, and need not be an integer.</summary>
public delegate Tensor ModelOutput(Tensor x, double t);

/// <summary>
/// A way from noise to x₀ that may remember earlier outputs (what diffusers calls a scheduler): the times of all model calls, and one update a
/// call. Times are those of diffusers, so results compare step by step.
/// </summary>
public abstract class Solver
{
    private readonly List<Memory> memories = [];

    /// <summary>t of every model call, in order.</summary>
    public abstract IReadOnlyList<double> Times { get; }

    /// <summary>Deviation of the start noise.</summary>
    public virtual double StartDeviation => 1;

    /// <summary>
    /// Steps from what the network saw instead of x: so do diffusers' own tests, which overwrite the sample by the scaled one. Only their
    /// published sums need it.
    /// </summary>
    internal bool GoesOnFromInput { get; set; }

    /// <summary>The call that the current run began with.</summary>
    protected int First { get; private set; }

    /// <summary>x₀ noised to the level of a call, where a run from there begins.</summary>
    public abstract Tensor Noised(Tensor clean, Tensor noise, int call);

    /// <summary>x₀ from <paramref name="start"/>.</summary>
    /// <param name="start">Noise times <see cref="StartDeviation"/>, or a <see cref="Noised"/> image; any shape [B,…].</param>
    /// <param name="model">The network's output.</param>
    /// <param name="noise">z ~ N(0, I), for solvers that add noise.</param>
    /// <param name="from">The first call; the calls before it are left out.</param>
    /// <param name="onStep">Sees (call, x) after every update and must not keep x.</param>
    public Tensor Run(Tensor start, ModelOutput model, NoiseSource noise, int from = 0, Action<int, Tensor>? onStep = null)
    {
        First = from;
        var x = start.alias();
        try
        {
            for (var call = from; call < Times.Count; call++)
            {
                using var scope = NewDisposeScope();
                var input = Input(x, call);
                var next = Step(GoesOnFromInput ? input : x, model(input, Times[call]), call, noise).MoveToOuterDisposeScope();
                x.Dispose();
                x = next;
                onStep?.Invoke(call, x);
            }

            return x;
        }
        finally
        {
            foreach (var memory in memories)
                memory.Clear();
        }
    }

    /// <summary>What the network sees.</summary>
    protected virtual Tensor Input(Tensor x, int call) => x;

    /// <summary>x after the output of a call.</summary>
    protected abstract Tensor Step(Tensor x, Tensor output, int call, NoiseSource noise);

    /// <summary>Room for the last <paramref name="capacity"/> tensors of a run; emptied when the run ends.</summary>
    private protected Memory Remember(int capacity)
    {
        memories.Add(new(capacity));
        return memories[^1];
    }
}

/// <summary>The last few tensors, newest first, outside the step's dispose scope.</summary>
internal sealed class Memory(int capacity)
{
    private readonly List<Tensor> items = [];

    public int Count => items.Count;

    public Tensor this[int back] => items[back];

    public void Push(Tensor tensor)
    {
        items.Insert(0, tensor.alias().DetachFromDisposeScope());
        while (items.Count > capacity)
        {
            items[^1].Dispose();
            items.RemoveAt(items.Count - 1);
        }
    }

    public void Clear()
    {
        foreach (var item in items)
            item.Dispose();
        items.Clear();
    }
}
