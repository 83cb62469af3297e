using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Checkpoints;

/// <summary>Weights of any supported file, and a network filled from them tensor by tensor: no second copy of the whole is ever in memory.</summary>
public static class WeightsFile
{
    private const int Shown = 3;

    // Trainers of PyTorch Lightning leave their own objects beside the weights; they are passed over unread.
    private static readonly string[] PassedOver = ["pytorch_lightning.", "lightning."];

    /// <summary>Opens safetensors, a PyTorch file, or the index of a set of either; told apart by content.</summary>
    /// <exception cref="UserError">It is none of these, or is damaged.</exception>
    public static IWeights Open(string path) =>
        ShardedWeights.IsIndex(path) ? ShardedWeights.Open(path)
        : path.EndsWith(".safetensors", StringComparison.Ordinal) || PyTorchFile.IsSafetensors(path) ? SafetensorsFile.Open(path)
        : PyTorchFile.Open(path, PassedOver);

    /// <summary>Fills <paramref name="parameters"/>; returns the element type the weights are stored in (the widest, where they differ).</summary>
    /// <param name="weights">Where from.</param>
    /// <param name="parameters">Receives the weights.</param>
    /// <param name="namesOf">The names a parameter may have in the file, the first that is there counts.</param>
    /// <param name="what">The network, for messages.</param>
    /// <exception cref="UserError">A tensor is missing, has another shape, or is not of a floating type; nothing is half read before that is known.</exception>
    public static ScalarType Fill(IWeights weights, ParameterVector parameters, Func<Parameter, IEnumerable<string>> namesOf, string what)
    {
        var stored = weights.Stored;
        var found = new List<(Parameter Parameter, string Name)>();
        foreach (var p in parameters.Entries)
        {
            var names = namesOf(p).ToList();
            var name = names.Find(stored.ContainsKey) ?? throw Missing(weights, names[0], what);
            Check(weights, p, name, what);
            found.Add((p, name));
        }

        using var none = no_grad();
        foreach (var (parameter, name) in found)
        {
            using var scope = NewDisposeScope();
            weights.CopyTo(name, parameters.Slice(parameters.Values, parameter.Name));
        }

        var types = found.Select(f => stored[f.Name].Type).Distinct().ToList();
        return types.Count == 1 ? types[0]
            : types.Contains(ScalarType.Float64) ? ScalarType.Float64
            : ScalarType.Float32;
    }

    private static UserError Missing(IWeights weights, string name, string what)
    {
        var near = Nearest.Several(name, weights.Stored.Keys, Shown);
        return new(
            $"{weights.Source}: has no tensor '{name}', which the {what} needs; "
                + (near.Count == 0 ? "it has none of a like name" : $"the nearest are '{string.Join("', '", near)}'")
                + $" of {weights.Stored.Count}; fetch the file again or give the right configuration"
        );
    }

    // A 1×1 convolution and a linear layer hold the same elements in the same order.
    private static void Check(IWeights weights, Parameter p, string name, string what)
    {
        var info = weights.Stored[name];
        static IEnumerable<long> Trimmed(IReadOnlyList<long> shape) =>
            shape.Count == 4 && shape[2] == 1 && shape[3] == 1 ? shape.Take(2) : shape;
        if (!Trimmed(info.Shape).SequenceEqual(Trimmed(p.Shape)))
            throw new UserError(
                $"{weights.Source}: tensor '{name}' is {info.ShapeText}, the {what}'s is [{string.Join(',', p.Shape)}]; check its configuration"
            );
        if (info.Type is not (ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float64))
            throw new UserError(
                $"{weights.Source}: tensor '{name}' is of {info.Type}; expected Float32, Float16 or BFloat16 (quantised weights aren't read)"
            );
    }
}
