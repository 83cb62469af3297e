using System.Globalization;
using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>
/// A labelled mixture of isotropic Gaussians, x₀ | k ~ N(μ_k, σ²I), k ~ w: data whose best denoiser is known in closed form
/// (<see cref="MixtureOptimum"/>). A point of d coordinates is an «image» of d channels and one pixel.
/// </summary>
/// <param name="Means">μ_k, K points of d coordinates.</param>
/// <param name="Deviation">σ.</param>
/// <param name="Weights">w_k, sum 1.</param>
public sealed record GaussianMixture(IReadOnlyList<double[]> Means, double Deviation, IReadOnlyList<double> Weights)
{
    /// <summary>The built-in data set: six components on a circle of radius 0.7, σ = 0.08, neighbours 8.75 σ apart.</summary>
    public static GaussianMixture BuiltIn { get; } = Circle(6, 0.7, 0.08);

    public int Components => Means.Count;

    public int Dimensions => Means[0].Length;

    /// <summary>Equal weights, means evenly on a circle, the first to the right.</summary>
    public static GaussianMixture Circle(int components, double radius, double deviation) =>
        new(
            [
                .. Enumerable
                    .Range(0, components)
                    .Select(k => 2 * Math.PI * k / components)
                    .Select(angle => new[] { radius * Math.Cos(angle), radius * Math.Sin(angle) }),
            ],
            deviation,
            [.. Enumerable.Repeat(1.0 / components, components)]
        );

    /// <summary>The built-in set's two parts, <c>mixture/train</c> (12,000 points) and <c>mixture/test</c> (3,000), float32 [N,2,1,1]; always the same.</summary>
    public static DataSplits Load() => new(BuiltIn.Set("mixture/train", 12_000), BuiltIn.Set("mixture/test", 3_000));

    /// <summary>A labelled set of <paramref name="count"/> points, in the weights' proportions; the name seeds it.</summary>
    public Dataset Set(string name, int count)
    {
        using var scope = NewDisposeScope();
        using var generator = new Seed(0).At(name).Generator();
        var labels = Labels(count);
        return new(
            name,
            Points(labels, generator),
            tensor(labels, ScalarType.Int64),
            [.. Enumerable.Range(0, Components).Select(k => k.ToString(CultureInfo.InvariantCulture))]
        );
    }

    /// <summary>A fresh point of the component that each label names, float32 [N,d,1,1].</summary>
    public Tensor Points(IReadOnlyList<long> labels, Generator generator)
    {
        using var scope = NewDisposeScope();
        var means = tensor(labels.SelectMany(k => Means[(int)k]).ToArray(), [labels.Count, Dimensions, 1, 1], ScalarType.Float64);
        var noise = randn(means.shape, ScalarType.Float64, generator: generator);
        return (means + Deviation * noise).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    // Dealt round: next comes the component that is furthest behind its share.
    private long[] Labels(int count)
    {
        var dealt = new int[Components];
        var labels = new long[count];
        for (var i = 0; i < count; i++)
        {
            var next = Enumerable.Range(0, Components).MaxBy(k => Weights[k] * (i + 1) - dealt[k]);
            dealt[next]++;
            labels[i] = next;
        }

        return labels;
    }
}
