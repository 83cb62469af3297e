using BenchmarkDotNet.Attributes;
using DiMum.Nets;
using static TorchSharp.torch;

namespace DiMum.Benchmarks;

/// <summary>The parts of a U-Net, each alone, at widths and resolutions of the three networks: [64,32,8,8], [64,64,16,16] and [16,256,16,16].</summary>
[MemoryDiagnoser(displayGenColumns: false)]
public class LayerBenchmarks
{
    private readonly Dictionary<string, LayerUnderTest> layers = [];

    [ParamsAllValues]
    public Size Size { get; set; }

    [ParamsAllValues]
    public Precision Precision { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        long[] shape = Size switch
        {
            Size.Digits => [64, 32, 8, 8],
            Size.Small => [64, 64, 16, 16],
            _ => [16, 256, 16, 16],
        };
        var (b, c) = (shape[0], shape[1]);
        var config = new UNetConfig(Channels: (int)c, Dropout: 0, NormGroups: (int)c / 4);
        layers["conv"] = new(s => new Conv(s, c, c, 3, padding: 1).Forward, shape, Precision);
        layers["norm"] = new(s => new Norm(s, c, c / 4) is var norm ? x => norm.ForwardSilu(x) : null!, shape, Precision);
        layers["attention"] = new(s => new Attention(s, c, config).Forward, shape, Precision);
        layers["block"] = new(
            s =>
            {
                var block = new ResBlock(s, c, c, config);
                return x => block.Forward(x, zeros([b, 8 * c], x.dtype, x.device), null);
            },
            shape,
            Precision
        );
        Session.Figures[nameof(ConvForward)] = layers["conv"].ForwardFigures;
        Session.Figures[nameof(ConvBoth)] = layers["conv"].BothFigures;
        Session.Figures[nameof(NormSiluForward)] = layers["norm"].ForwardFigures;
        Session.Figures[nameof(NormSiluBoth)] = layers["norm"].BothFigures;
        Session.Figures[nameof(AttentionBoth)] = layers["attention"].BothFigures;
        Session.Figures[nameof(BlockBoth)] = layers["block"].BothFigures;
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        foreach (var layer in layers.Values)
            layer.Dispose();
        layers.Clear();
    }

    [Benchmark(Description = "conv 3×3, forward")]
    public void ConvForward() => layers["conv"].Forward();

    [Benchmark(Description = "conv 3×3, both")]
    public void ConvBoth() => layers["conv"].Both();

    [Benchmark(Description = "GroupNorm+SiLU, forward")]
    public void NormSiluForward() => layers["norm"].Forward();

    [Benchmark(Description = "GroupNorm+SiLU, both")]
    public void NormSiluBoth() => layers["norm"].Both();

    [Benchmark(Description = "attention block, both")]
    public void AttentionBoth() => layers["attention"].Both();

    [Benchmark(Description = "residual block, both")]
    public void BlockBoth() => layers["block"].Both();
}
