using System.Security.Cryptography;
using DiMum.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics.Inception;

/// <summary>Weights files of Inception-v3: PyTorch's or safetensors, told apart by their content; the network by its number of classes.</summary>
public static class InceptionWeights
{
    /// <summary>What to download, and from where; shown where there are no weights.</summary>
    public const string Advice =
        "FID needs the Inception weights of 2015-12-05: download pt_inception-2015-12-05-6726825d.pth from the releases of "
        + "github.com/mseitzer/pytorch-fid (by PyTorch's custom its SHA-256 begins with 6726825d) and pass it as --inception PATH; "
        + "for UnlearnCanvas's protocol pass torchvision's inception_v3 weights (download.pytorch.org/models)";

    // Number of classes of the published networks.
    private static readonly Dictionary<long, InceptionVariant> ByClasses = new()
    {
        [1008] = InceptionVariant.Fid,
        [1000] = InceptionVariant.Torchvision,
    };

    /// <summary>Opens a file.</summary>
    /// <param name="path">PyTorch (<c>.pth</c>, <c>.pt</c>) or safetensors.</param>
    /// <param name="device">Where to compute.</param>
    /// <returns>The network, and its identity: the variant and the first 16 digits of the file's SHA-256.</returns>
    /// <exception cref="UserError">It is no weights file of these networks; the message says what is wrong.</exception>
    public static (InceptionV3 Network, string Identity) Open(string path, Device device)
    {
        var tensors = PyTorchFile.IsSafetensors(path) ? Safetensors.Read(path).Tensors : PyTorchFile.ReadTensors(path);
        try
        {
            if (!tensors.TryGetValue("fc.weight", out var fc) || fc.dim() != 2 || !ByClasses.TryGetValue(fc.shape[0], out var variant))
                throw new UserError(
                    $"{Path.GetFullPath(path)}: not Inception-v3: 'fc.weight' is {(fc is null ? "missing" : $"[{string.Join(',', fc.shape)}]")}, "
                        + $"expected [1008,2048] (FID's network) or [1000,2048] (torchvision's); SHA-256 {Sha256(path)}. {Advice}"
                );
            var network = new InceptionV3(variant, tensors, Path.GetFullPath(path), device);
            var name = variant == InceptionVariant.Fid ? "FID-Inception 2015-12-05" : "torchvision Inception-v3";
            return (network, $"{name}, weights {Sha256(path)[..16]}");
        }
        finally
        {
            foreach (var tensor in tensors.Values)
                tensor.Dispose();
        }
    }

    /// <summary>Refuses weights that are not those of the network.</summary>
    internal static void Check(InceptionVariant variant, IReadOnlyDictionary<string, Tensor> weights, string source)
    {
        var classes = weights.TryGetValue("fc.weight", out var fc) && fc.dim() == 2 ? fc.shape[0] : 1008;
        foreach (var (name, shape) in InceptionLayout.Tensors(variant, classes))
        {
            // Counters and the auxiliary head are not computed with, and some files lack them.
            if (name.EndsWith("num_batches_tracked", StringComparison.Ordinal) || name.StartsWith("AuxLogits", StringComparison.Ordinal))
                continue;
            if (!weights.TryGetValue(name, out var tensor))
                throw new UserError($"{source}: has no tensor '{name}', so it is not Inception-v3's weights file. {Advice}");
            if (!tensor.shape.SequenceEqual(shape) || !tensor.is_floating_point())
                throw new UserError(
                    $"{source}: tensor '{name}' is {tensor.dtype} [{string.Join(',', tensor.shape)}], expected floats [{string.Join(',', shape)}]. {Advice}"
                );
        }
    }

    private static string Sha256(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
