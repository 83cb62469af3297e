using System.Globalization;
using DiMum.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Optimization;

/// <summary>Where an interrupted <see cref="Fitting"/> is gone on with: killed at any step and called again, it ends at the same bits.</summary>
/// <param name="Path">A safetensors file; the caller deletes it once the result is kept elsewhere.</param>
/// <param name="Every">Steps from one checkpoint to the next.</param>
public sealed record FittingCheckpoint(string Path, int Every)
{
    private const string Step = "step";

    /// <summary>What the loss counts on the way, kept with the weights; restored in place.</summary>
    internal IReadOnlyDictionary<string, Tensor> Memory { get; init; } = new Dictionary<string, Tensor>();

    /// <summary>Writes the state after <paramref name="step"/> steps.</summary>
    internal void Save(IReadOnlyList<Fitted> fitted, int step) =>
        Safetensors.Write(Path, State(fitted), new Dictionary<string, string> { [Step] = step.ToString(CultureInfo.InvariantCulture) });

    /// <summary>Puts back what is there; the number of steps already done.</summary>
    /// <exception cref="UserError">The file is no checkpoint of this fitting.</exception>
    internal int Restore(IReadOnlyList<Fitted> fitted)
    {
        if (!File.Exists(Path))
            return 0;
        var (tensors, metadata) = Safetensors.Read(Path);
        using var none = no_grad();
        try
        {
            var step = int.Parse(metadata[Step], CultureInfo.InvariantCulture);
            foreach (var (name, value) in State(fitted))
                value.copy_(Same(tensors[name], value));
            foreach (var f in fitted)
                f.Adam.Steps = step;
            return step;
        }
        catch (Exception e) when (e is KeyNotFoundException or FormatException or ArgumentException)
        {
            throw new UserError($"{Path}: not a checkpoint of this stage ({e.Message}); delete it and run again", e);
        }
        finally
        {
            foreach (var tensor in tensors.Values)
                tensor.Dispose();
        }
    }

    private Dictionary<string, Tensor> State(IReadOnlyList<Fitted> fitted)
    {
        var state = Memory.ToDictionary(m => "memory." + m.Key, m => m.Value);
        foreach (var (f, i) in fitted.Select((f, i) => (f, i)))
            (state[$"theta.{i}"], state[$"adam.m.{i}"], state[$"adam.v.{i}"]) = (
                f.Parameters.Values,
                f.Adam.FirstMoment,
                f.Adam.SecondMoment
            );
        return state;
    }

    // copy_ would spread a single number over a vector.
    private static Tensor Same(Tensor stored, Tensor wanted) =>
        stored.shape.SequenceEqual(wanted.shape)
            ? stored
            : throw new ArgumentException($"[{string.Join(',', stored.shape)}] where [{string.Join(',', wanted.shape)}] is expected");
}
