using DiMum.Checkpoints;
using DiMum.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics.Inception;

/// <summary>Weights files of Inception-v3: PyTorch's or safetensors, told apart by their content; the network by its number of classes.</summary>
public static class InceptionWeights
{
    /// <summary>SHA-256 of the published files by their file names, which carry its first 8 digits.</summary>
    private static readonly (InceptionVariant Variant, string File, string From, string Sha256)[] Published =
    [
        (
            InceptionVariant.Fid,
            "pt_inception-2015-12-05-6726825d.pth",
            "the releases of github.com/mseitzer/pytorch-fid",
            "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
        ),
        (
            InceptionVariant.Torchvision,
            "inception_v3_google-0cc3c7bd.pth",
            "download.pytorch.org/models",
            "0cc3c7bd75056d25e46cba549dc184522069b81e9787eff6df84f397bd52a5ef"
        ),
    ];

    /// <summary>What to download, and from where; shown where there are no weights.</summary>
    public static string Advice { get; } =
        "FID needs Inception weights; download and pass them as --inception PATH: "
        + string.Join("; ", Published.Select(p => $"{Purpose(p.Variant)} {p.File} from {p.From} (SHA-256 {p.Sha256})"));

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
        var hash = ContentHash.OfFile(path, "Inception's weights");
        var tensors = PyTorchFile.IsSafetensors(path) ? Safetensors.Read(path).Tensors : PyTorchFile.ReadTensors(path);
        try
        {
            if (!tensors.TryGetValue("fc.weight", out var fc) || fc.dim() != 2 || !ByClasses.TryGetValue(fc.shape[0], out var variant))
                throw new UserError(
                    $"{Path.GetFullPath(path)}: not Inception-v3: 'fc.weight' is {(fc is null ? "missing" : $"[{string.Join(',', fc.shape)}]")}, "
                        + $"expected [1008,2048] (FID's network) or [1000,2048] (torchvision's); SHA-256 {hash}. {Advice}"
                );
            var network = new InceptionV3(variant, tensors, $"{Path.GetFullPath(path)} (SHA-256 {hash})", device);
            var published = Published.Any(p => p.Sha256 == hash) ? "the published file" : "not the published file";
            return (network, $"{Name(variant)}, weights {hash[..16]} ({published})");
        }
        finally
        {
            foreach (var tensor in tensors.Values)
                tensor.Dispose();
        }
    }

    /// <summary>The network in words.</summary>
    public static string Name(InceptionVariant variant) =>
        variant == InceptionVariant.Fid ? "FID-Inception 2015-12-05" : "torchvision Inception-v3";

    private static string Purpose(InceptionVariant variant) =>
        variant == InceptionVariant.Fid ? "for FID as the field takes it" : "for UnlearnCanvas's protocol";

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
}
