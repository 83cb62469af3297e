using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using DiMum.Checkpoints;
using DiMum.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics.Inception;

/// <summary>
/// What passes over images left, kept under the hash of all that decides it: the images' content, the network and its weights, the protocol, the
/// device. Files appear whole or not at all, so processes may share a folder; one that was damaged since is passed over and written anew.
/// </summary>
/// <param name="folder">Made when something is kept.</param>
public sealed class FeatureCache(string folder)
{
    private const string Format = "dimum-features-1";

    /// <summary>The user's own cache folder: <c>XDG_CACHE_HOME</c>, <c>~/.cache</c> or the system's.</summary>
    public static string DefaultFolder
    {
        get
        {
            var local =
                OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } given ? given
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
            return Path.Combine(local, "dimum", "features");
        }
    }

    /// <summary>The features of a set: read back, or computed by <paramref name="compute"/> and kept.</summary>
    /// <param name="set">The images.</param>
    /// <param name="network">The network.</param>
    /// <param name="protocol">The protocol.</param>
    /// <param name="device">Where features are computed.</param>
    /// <param name="compute">The pass over the images.</param>
    /// <param name="note">Hears, in a line, of a damaged file or a folder that can't be written.</param>
    public ImageSetFeatures Get(
        ImageSet set,
        IFeatureNetwork network,
        EvaluationProtocol protocol,
        Device device,
        Func<ImageSetFeatures> compute,
        Action<string> note
    )
    {
        var identity = string.Join(
            '\n',
            $"images {set.Hash} {set.Count}×{set.Height}×{set.Width}",
            network.Identity,
            $"{protocol.Name}: {protocol.Treatment}; {network.InputOf(protocol)}",
            device.type
        );
        var path = Path.Combine(folder, $"{Hex(Encoding.UTF8.GetBytes($"{Format}\n{identity}"))[..24]}.safetensors");
        if (File.Exists(path))
            try
            {
                return Load(path, identity, set);
            }
            catch (UserError e)
            {
                note($"cached features are damaged and computed anew: {e.Message}");
            }

        var features = compute();
        try
        {
            Save(path, identity, features);
        }
        catch (UserError e)
        {
            note($"features can't be kept for next time: {e.Message}");
        }

        return features;
    }

    private static void Save(string path, string identity, ImageSetFeatures features)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var tensors = new SortedDictionary<string, Tensor>(StringComparer.Ordinal)
        {
            ["kept"] = features.Kept,
            ["score"] = tensor(new[] { features.Score.Mean, features.Score.Deviation }),
        };
        foreach (var (name, moments) in new[] { ("pool", features.Pool), ("spatial", features.Spatial) })
        {
            if (moments.Dimension == 0)
                continue;
            var (count, mean, scatter) = moments.Parts;
            tensors[$"{name}.count"] = tensor(count);
            tensors[$"{name}.mean"] = tensor(mean);
            tensors[$"{name}.scatter"] = tensor(scatter, [mean.Length, mean.Length]);
        }

        Safetensors.Write(
            path,
            tensors,
            new Dictionary<string, string>
            {
                ["format"] = Format,
                ["identity"] = identity,
                ["sha256"] = Digest(tensors),
            }
        );
    }

    private static ImageSetFeatures Load(string path, string identity, ImageSet set)
    {
        var (tensors, metadata) = Safetensors.Read(path);
        try
        {
            using var scope = NewDisposeScope();
            var sorted = new SortedDictionary<string, Tensor>(tensors, StringComparer.Ordinal);
            if (
                metadata.GetValueOrDefault("format") != Format
                || metadata.GetValueOrDefault("identity") != identity
                || metadata.GetValueOrDefault("sha256") != Digest(sorted)
            )
                throw new UserError($"{path}: its content is not what was written");
            FeatureMoments Moments(string name) =>
                !tensors.ContainsKey($"{name}.count")
                    ? new FeatureMoments(0)
                    : FeatureMoments.Of(
                        tensors[$"{name}.count"].item<long>(),
                        tensors[$"{name}.mean"].data<double>().ToArray(),
                        tensors[$"{name}.scatter"].data<double>().ToArray()
                    );
            var score = tensors["score"].data<double>().ToArray();
            return new(set, Moments("pool"), Moments("spatial"), tensors["kept"].clone(), (score[0], score[1]));
        }
        finally
        {
            foreach (var tensor in tensors.Values)
                tensor.Dispose();
        }
    }

    // Names, shapes and bytes: what the safetensors format itself does not guard.
    private static string Digest(SortedDictionary<string, Tensor> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, tensor) in tensors)
        {
            hash.AppendData(
                Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{name} {string.Join(',', tensor.shape)}\n"))
            );
            if (tensor.numel() > 0)
                hash.AppendData(tensor.bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string Hex(byte[] text) => Convert.ToHexStringLower(SHA256.HashData(text));
}
