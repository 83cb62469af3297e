using System.Security.Cryptography;
using DiMum.Checkpoints;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.StableDiffusion;

/// <summary>Tensors that take long to make, kept in a folder under the hash of all that decides them.</summary>
internal static class ContentCache
{
    private const string Entry = "values";

    /// <summary>The tensor kept under <paramref name="key"/>, or made and kept; made anew where there is no folder. Of the caller's dispose scope either way.</summary>
    public static Tensor Of(string? folder, string kind, Func<string> key, Func<Tensor> make)
    {
        if (folder is null)
            return make();
        var path = Path.Combine(folder, $"{kind}-{key()[..16]}.safetensors");
        if (!File.Exists(path))
        {
            var made = make();
            Safetensors.Write(path, new Dictionary<string, Tensor> { [Entry] = made });
            return made;
        }

        return SafetensorsFile.ReadOwn(path, Entry);
    }

    /// <summary>Adds a network's weights to a hash.</summary>
    public static void Add(IncrementalHash hash, ParameterVector parameters)
    {
        using var scope = NewDisposeScope();
        TensorPieces.Visit(parameters.Values.detach().cpu(), (bytes, _) => hash.AppendData(bytes));
    }
}
