using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Metrics;

/// <summary>
/// ResNet-34 (He et al. 2016) under torchvision's names, as the released evaluation uses it: images are resized bilinearly to 224×224, and mean and
/// deviation ½ of its normalisation make them [−1, 1], which is what comes in. Unlike there the resized image is not rounded to bytes, and test
/// images are never mirrored (OPTML-Group/Unlearn-Saliency@a6e89fd mirrors half of them).
/// </summary>
public sealed class ResNet34 : IImageClassifier
{
    /// <summary>Side of the images it works on.</summary>
    public const int Side = 224;

    private const int AtOnce = 32; // images of an evaluation pass: maps of 3.2 MB each at the first layer
    private static readonly (int Blocks, long Width)[] Layers = [(3, 64), (4, 128), (6, 256), (3, 512)];
    private readonly Dictionary<string, Tensor> running = []; // of batch normalisation: means, variances and counts
    private readonly int side;

    /// <summary>Random weights; the head's are Xavier-uniform, as the released training draws them.</summary>
    /// <param name="classes">K.</param>
    /// <param name="device">Where it lives.</param>
    /// <param name="generator">Draws them.</param>
    /// <param name="side">Other sides than 224 are for tests.</param>
    public ResNet34(int classes, Device device, Generator generator, int side = Side)
    {
        this.side = side;
        var body = new ParameterDeclarations();
        foreach (var (name, shape) in Tensors(classes))
            if (shape.Length == 4)
                body.Declare(name, new Init(InitKind.Normal, Math.Sqrt(2.0 / (shape[0] * shape[2] * shape[3]))), shape);
            else if (name.Contains("running_var"))
                running[name] = ones(shape, device: device).DetachFromDisposeScope();
            else if (name.Contains("running_mean") || name.Contains("num_batches"))
                running[name] = zeros(shape, shape.Length == 0 ? ScalarType.Int64 : ScalarType.Float32, device).DetachFromDisposeScope();
            else if (!name.StartsWith("fc", StringComparison.Ordinal))
                body.Declare(name, name.EndsWith("weight", StringComparison.Ordinal) ? Init.Ones : Init.Zeros, shape);
        Body = new(body, device, generator);
        var head = new ParameterDeclarations();
        head.Declare("fc.weight", new Init(InitKind.Uniform, Math.Sqrt(6.0 / (FeatureCount + classes))), classes, FeatureCount);
        head.Declare("fc.bias", Init.FanIn(FeatureCount), classes);
        Head = new(head, device, generator);
        Classes = classes;
    }

    public int Classes { get; }

    public int FeatureCount => 512;

    /// <summary>All but the head.</summary>
    public ParameterVector Body { get; }

    /// <summary><c>fc</c>.</summary>
    public ParameterVector Head { get; }

    /// <summary>Names and shapes of a weights file, in torchvision's order.</summary>
    public static IEnumerable<(string Name, long[] Shape)> Tensors(long classes)
    {
        IEnumerable<(string, long[])> Unit(string conv, string norm, long from, long to, long kernel) =>
            [
                ($"{conv}.weight", [to, from, kernel, kernel]),
                ($"{norm}.weight", [to]),
                ($"{norm}.bias", [to]),
                ($"{norm}.running_mean", [to]),
                ($"{norm}.running_var", [to]),
                ($"{norm}.num_batches_tracked", []),
            ];
        var all = Unit("conv1", "bn1", 3, 64, 7);
        foreach (var (name, from, to) in Blocks())
        {
            all = all.Concat(Unit($"{name}.conv1", $"{name}.bn1", from, to, 3)).Concat(Unit($"{name}.conv2", $"{name}.bn2", to, to, 3));
            if (from != to)
                all = all.Concat(Unit($"{name}.downsample.0", $"{name}.downsample.1", from, to, 1));
        }

        return all.Concat([("fc.weight", [classes, 512L]), ("fc.bias", [classes])]);
    }

    /// <summary>Reads a torchvision file (<c>.pth</c>) or safetensors of the same names.</summary>
    /// <returns>Whether the file had a head for these classes; ImageNet's is left out, and the head stays as it was drawn.</returns>
    /// <exception cref="UserError">A tensor is missing or of another shape; the message names it and the file's SHA-256.</exception>
    public bool Load(string path)
    {
        var tensors = PyTorchFile.IsSafetensors(path) ? Safetensors.Read(path).Tensors : PyTorchFile.ReadTensors(path);
        try
        {
            using var none = no_grad();
            using var scope = NewDisposeScope();
            var hasHead = tensors.TryGetValue("fc.weight", out var fc) && fc.shape.SequenceEqual([Classes, FeatureCount]);
            foreach (var (name, shape) in Tensors(Classes).Where(t => hasHead || !t.Name.StartsWith("fc", StringComparison.Ordinal)))
            {
                if (!tensors.TryGetValue(name, out var tensor))
                {
                    if (name.EndsWith("num_batches_tracked", StringComparison.Ordinal))
                        continue;
                    throw Bad(path, $"has no tensor '{name}'");
                }

                if (!tensor.shape.SequenceEqual(shape))
                    throw Bad(path, $"tensor '{name}' is [{string.Join(',', tensor.shape)}], expected [{string.Join(',', shape)}]");
                Target(name).copy_(tensor);
            }

            return hasHead;
        }
        finally
        {
            foreach (var tensor in tensors.Values)
                tensor.Dispose();
        }
    }

    /// <summary>Writes all tensors under torchvision's names.</summary>
    public void Save(string path)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        Safetensors.Write(path, Tensors(Classes).ToDictionary(t => t.Name, t => Target(t.Name)));
    }

    public (Tensor Features, Tensor Logits) Forward(Tensor x)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var features = cat([.. x.split(AtOnce).Select(Features)]); // [B,512]
        return (features.MoveToOuterDisposeScope(), Logits(features).MoveToOuterDisposeScope());
    }

    // A scope a part: the maps of one are gone before the next.
    private Tensor Features(Tensor part)
    {
        using var scope = NewDisposeScope();
        return Pooled(part.contiguous(), training: false).MoveToOuterDisposeScope();
    }

    /// <summary>Logits [B,K] with batch statistics, to train on; running statistics move by a tenth.</summary>
    public Tensor Training(Tensor x) => Logits(Pooled(x, training: true));

    public void Dispose()
    {
        Body.Dispose();
        Head.Dispose();
        foreach (var tensor in running.Values)
            tensor.Dispose();
    }

    private static IEnumerable<(string Name, long From, long To)> Blocks()
    {
        long from = 64;
        for (var layer = 0; layer < Layers.Length; layer++)
        for (var i = 0; i < Layers[layer].Blocks; i++)
        {
            yield return ($"layer{layer + 1}.{i}", from, Layers[layer].Width);
            from = Layers[layer].Width;
        }
    }

    private Tensor Target(string name) =>
        running.TryGetValue(name, out var tensor) ? tensor
        : name.StartsWith("fc", StringComparison.Ordinal) ? Head.Slice(Head.Values, name)
        : Body.Slice(Body.Values, name);

    private Tensor Logits(Tensor features) => functional.linear(features, Head["fc.weight"].Value, Head["fc.bias"].Value);

    private Tensor Pooled(Tensor x, bool training)
    {
        if (x.shape[1] == 1)
            x = x.expand(-1, 3, -1, -1);
        if (x.shape[2] != side || x.shape[3] != side)
            x = functional.interpolate(x, [side, side], mode: InterpolationMode.Bilinear, align_corners: false);
        var h = functional.relu(Unit(x, "conv1", "bn1", 2, training)); // [B,64,112,112]
        h = functional.max_pool2d(h, 3, stride: 2, padding: 1); // [B,64,56,56]
        foreach (var (name, from, to) in Blocks())
        {
            var stride = from == to ? 1 : 2;
            var inner = functional.relu(Unit(h, $"{name}.conv1", $"{name}.bn1", stride, training));
            var shortcut = from == to ? h : Unit(h, $"{name}.downsample.0", $"{name}.downsample.1", stride, training);
            h = functional.relu(Unit(inner, $"{name}.conv2", $"{name}.bn2", 1, training) + shortcut);
        }

        return h.mean([2, 3]); // [B,512]
    }

    // Convolution without bias, batch normalisation (ε = 10⁻⁵).
    private Tensor Unit(Tensor x, string conv, string norm, long stride, bool training)
    {
        var weight = Body[$"{conv}.weight"].Value;
        var pad = weight.shape[2] / 2;
        return functional.batch_norm(
            functional.conv2d(x, weight, strides: [stride, stride], padding: [pad, pad]),
            running[$"{norm}.running_mean"],
            running[$"{norm}.running_var"],
            Body[$"{norm}.weight"].Value,
            Body[$"{norm}.bias"].Value,
            training,
            0.1,
            1e-5
        );
    }

    private static UserError Bad(string path, string why) =>
        new(
            $"{Path.GetFullPath(path)}: {why}; expected ResNet-34's weights as torchvision publishes them "
                + "(resnet34-b627a593.pth from download.pytorch.org/models, its SHA-256 begins with b627a593), "
                + $"this file's SHA-256 is {ContentHash.OfFile(path, "ResNet-34's weights")}"
        );
}
