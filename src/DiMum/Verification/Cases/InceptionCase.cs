using DiMum.Metrics.Inception;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Verification.Cases;

/// <summary>The FID network at weights by rule: the resized input, four block outputs, the pooled and spatial features, logits and softmax.</summary>
internal static class InceptionCase
{
    private const double BatchNormEpsilon = 1e-3;

    public static void Run(CaseRun run)
    {
        using var none = no_grad();
        var (config, outputs, check) = (run.File.Root["config"], run.File.Outputs, run.Check);
        if (config["batchnorm_eps"].Number() != BatchNormEpsilon || config["aux_logits"].Flag() || !config["eval_mode"].Flag())
            throw new NotCovered("config: only evaluation with ε = 10⁻³ and without the auxiliary head is built here");
        var x = InceptionInput.Scale(Resized(config, Images(run, run.File.Root["inputs"]["x"])));
        using var network = Network(run, config["num_classes"].Integer());
        var got = new Dictionary<string, (long[] Shape, double[] Values)>();
        void Keep(string place, Tensor output) => got[place] = (output.shape, Checker.Doubles(output));
        network.Tap = Keep;
        var features = network.Forward(x);
        Keep("resized_scaled_input", x);
        Keep("pool3", features.Pool);
        Keep("sfid_features", features.Spatial);
        Keep("logits_with_bias", features.Logits);
        Keep("logits_without_bias", features.LogitsWithoutBias);
        Keep("softmax_with_bias", features.Logits.softmax(1));
        Keep("softmax_without_bias", features.LogitsWithoutBias.softmax(1));
        foreach (var (name, want) in outputs.Members())
            if (Place(name) is { } place && got.TryGetValue(place, out var found))
                Summary.Compare(check, want, found.Shape, found.Values, run.File.Root["tolerance"][name]["suggested_atol"].Number());
    }

    // A file's names carry sizes and kinds: «pool3_2048», «logits_1008_without_bias», «block0_maxpool1».
    private static string? Place(string name)
    {
        var bias = name.EndsWith("without_bias", StringComparison.Ordinal) ? "_without_bias" : "_with_bias";
        string[] kinds = ["resized_scaled_input", "maxpool1", "maxpool2", "pool3", "sfid_features"];
        return kinds.FirstOrDefault(k => name.Contains(k, StringComparison.Ordinal))
            ?? (name.StartsWith("logits", StringComparison.Ordinal) ? "logits" + bias : null)
            ?? (name.StartsWith("softmax", StringComparison.Ordinal) ? "softmax" + bias : null)
            ?? (name.StartsWith("mixed_6d_branch1x1", StringComparison.Ordinal) ? "mixed_6d.branch1x1" : null)
            ?? (name.EndsWith("mixed_6e", StringComparison.Ordinal) ? "mixed_6e" : null);
    }

    private static Tensor Resized(GoldenNode config, Tensor images) =>
        config["resize_input"].Flag() ? InceptionInput.Bilinear(images) : images;

    // byte(c,y,x) = ⌊256·u[(c·⌈H/block⌉ + y div block)·⌈W/block⌉ + x div block]⌋; the network gets byte/255 in float32.
    private static Tensor Images(CaseRun run, GoldenNode input)
    {
        var values = new List<float>();
        var images = input["images"].Items();
        for (var i = 0; i < images.Count; i++)
        {
            var bytes = Bytes(images[i]);
            run.Check.Compare(input["u8_sum"].Path, i, bytes.Sum(b => (double)b), input["u8_sum"].Numbers()[i], 0);
            run.Check.Numbers(input["u8_first16"].Items()[i], [.. bytes.Take(16).Select(b => (double)b)]);
            values.AddRange(bytes.Select(b => b / 255f));
        }

        return run.Tensor([.. values], input["shape"].Integers());
    }

    private static byte[] Bytes(GoldenNode image)
    {
        var (c, h, w) = ((int)image["C"].Integer(), (int)image["H"].Integer(), (int)image["W"].Integer());
        var (block, hash) = ((int)image["block"].Integer(), ProceduralRule.Hash(image["name"].Text()));
        var (rows, columns) = ((h + block - 1) / block, (w + block - 1) / block);
        var bytes = new byte[c * h * w];
        for (var i = 0; i < bytes.Length; i++)
        {
            var (plane, y, x) = (i / (h * w), i / w % h, i % w);
            bytes[i] = (byte)Math.Floor(256 * ProceduralRule.Uniform(hash, (plane * rows + y / block) * columns + x / block));
        }

        return bytes;
    }

    private static InceptionV3 Network(CaseRun run, long classes)
    {
        using var scope = NewDisposeScope();
        var gain = run.File.Root["weight_rule"]["gain"].Number();
        var weights = InceptionLayout
            .Tensors(InceptionVariant.Fid, classes)
            .ToDictionary(t => t.Name, t => tensor(Weight(t.Name, t.Shape, gain), t.Shape));
        return new(InceptionVariant.Fid, weights, run.File.Path, run.Device, run.Precision);
    }

    // The rule with a gain, and with running variances like scales.
    private static float[] Weight(string name, long[] shape, double gain)
    {
        var count = shape.Aggregate(1L, (product, n) => product * n);
        if (shape.Length >= 2)
            return ProceduralRule.Input(name, count, gain / Math.Sqrt(count / shape[0]));
        if (name.EndsWith("num_batches_tracked", StringComparison.Ordinal))
            return [0];
        return name.EndsWith("running_var", StringComparison.Ordinal)
            ? ProceduralRule.Scale(name, count)
            : ProceduralRule.Parameter(name, shape);
    }
}
