using DiMum.Conformance;
using DiMum.Metrics;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Conformance;

/// <summary>A metric as somebody may write it: the squared distance of the rows' means.</summary>
public sealed record MeanDistance : ISetMetric
{
    public string Name => "mean-distance";
    public string Source => "‖μ_g − μ_r‖², the first term of the Fréchet distance";

    public static MetricClaims Claims =>
        new()
        {
            OnItself = 0,
            Symmetric = true,
            ShiftInvariant = true,
            RotationInvariant = true,
            ColumnInvariant = true,
            Scaling = 2,
            Lowest = 0,
        };

    public double Of(Tensor generated, Tensor reference)
    {
        using var scope = NewDisposeScope();
        var (g, r) = (generated.to(ScalarType.Float64).mean([0]), reference.to(ScalarType.Float64).mean([0])); // [d]
        return (g - r).square().sum().item<double>();
    }
}

/// <summary>The same with both sums divided by the number of generated rows: right whenever the sets are of one size.</summary>
public sealed record OneSizeMeanDistance : ISetMetric
{
    public string Name => "one-size-mean-distance";
    public string Source => "‖μ_g − μ_r‖², the first term of the Fréchet distance";

    public static MetricClaims Claims => MeanDistance.Claims;

    public double Of(Tensor generated, Tensor reference)
    {
        using var scope = NewDisposeScope();
        var n = generated.shape[0];
        var (g, r) = (generated.to(ScalarType.Float64).sum([0L]) / n, reference.to(ScalarType.Float64).sum([0L]) / n); // [d]
        return (g - r).square().sum().item<double>();
    }
}
