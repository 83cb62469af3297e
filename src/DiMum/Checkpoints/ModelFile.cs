using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Checkpoints;

/// <summary>A network's weights as safetensors: every parameter under its own name, its moving average under <c>ema.NAME</c> where there is one.</summary>
public static class ModelFile
{
    private const string Average = "ema.";

    public static void Write(string path, ParameterVector parameters, Tensor? ema, IReadOnlyDictionary<string, string> metadata)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor>();
        foreach (var p in parameters.Entries)
            tensors[p.Name] = parameters.Slice(parameters.Values, p.Name);
        if (ema is not null)
            foreach (var p in parameters.Entries)
                tensors[Average + p.Name] = parameters.Slice(ema, p.Name);
        Safetensors.Write(path, tensors, metadata);
    }

    /// <summary>Fills <paramref name="parameters"/> from the file, by name; returns its metadata.</summary>
    /// <param name="path">The file.</param>
    /// <param name="parameters">Receives the weights.</param>
    /// <param name="average">Read the moving average instead of the weights.</param>
    /// <exception cref="UserError">A tensor is missing or has another shape; the message names it.</exception>
    public static IReadOnlyDictionary<string, string> Read(string path, ParameterVector parameters, bool average = false)
    {
        using var file = SafetensorsFile.Open(path);
        using var none = no_grad();
        using var scope = NewDisposeScope();
        foreach (var p in parameters.Entries)
        {
            var name = (average ? Average : "") + p.Name;
            if (!file.Stored.TryGetValue(name, out var info))
                throw new UserError(
                    $"{file.Source}: has no tensor '{name}'; it belongs to another network, see network.* in the experiment"
                );
            if (!info.Shape.SequenceEqual(p.Shape))
                throw new UserError(
                    $"{file.Source}: tensor '{name}' is {info.ShapeText}, this network's is [{string.Join(',', p.Shape)}]; see network.* in the experiment"
                );
            file.CopyTo(name, parameters.Slice(parameters.Values, p.Name));
        }

        return file.Metadata;
    }
}
