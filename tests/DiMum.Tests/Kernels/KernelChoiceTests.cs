using DiMum.Diffusion;
using DiMum.Kernels;
using DiMum.Nets;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Kernels;

/// <summary>Which form of GN with SiLU a layer takes, seen in its bits: on both sides of the bound, in both precisions, with the kernels off.</summary>
[NonParallelizable]
public class KernelChoiceTests
{
    private const long Channels = 16;
    private const long Groups = 4;
    private const double Epsilon = 1e-6;
    private int threads;

    [SetUp]
    public void OneThread()
    {
        threads = get_num_threads();
        set_num_threads(1);
    }

    [TearDown]
    public void Restore()
    {
        NormSilu.Enabled = true;
        set_num_threads(threads);
    }

    [Test]
    public void The_bound_in_force_is_the_documented_one() => Assert.That(Norm.Least, Is.EqualTo(Norm.KernelFrom));

    // H, W around 256 pixels, batch, whether the kernel is taken: the batch decides nothing.
    [TestCase(1, 1, 3, false)]
    [TestCase(8, 8, 1, false)]
    [TestCase(8, 8, 64, false)]
    [TestCase(15, 17, 5, false)]
    [TestCase(16, 16, 1, true)]
    [TestCase(16, 16, 5, true)]
    [TestCase(257, 1, 2, true)]
    public void In_float32_the_composite_below_the_bound_and_the_kernel_from_it_on(int h, int w, int batch, bool kernel)
    {
        Assert.That(h * w >= Norm.KernelFrom, Is.EqualTo(kernel), "the case is on the side that it says");
        Check(h, w, batch, ScalarType.Float32, kernel, 2e-5);
    }

    [TestCase(1, 1)]
    [TestCase(8, 8)]
    [TestCase(16, 16)]
    public void In_bfloat16_the_kernel_at_every_size(int h, int w) => Check(h, w, 3, ScalarType.BFloat16, kernel: true, 2e-2);

    [TestCase(8, 8)]
    [TestCase(16, 16)]
    public void Switched_off_the_composite_at_every_size(int h, int w)
    {
        NormSilu.Enabled = false;
        Check(h, w, 3, ScalarType.Float32, kernel: false, 2e-5);
    }

    private static void Check(int h, int w, int batch, ScalarType type, bool kernel, double tolerance)
    {
        using var scope = NewDisposeScope();
        using var generator = new Seed(5).Generator();
        var image = randn([batch, Channels, h, w], generator: generator).mul_(2).add_(1).to(type);
        var upstream = randn([batch, Channels, h, w], generator: generator).to(type);
        var declared = new ParameterDeclarations();
        var layer = new Norm(new ParameterScope(declared), Channels, Groups, Epsilon);
        using var parameters = new ParameterVector(declared, CPU, generator);
        var (weight, bias) = (declared.All[0].Value, declared.All[1].Value);
        using (no_grad())
            parameters.Values.add_(randn(parameters.Values.shape, generator: generator));

        Tensor[] Of(Func<Tensor, Tensor> form)
        {
            var x = image.detach().clone().requires_grad_(true);
            var y = form(x);
            return [y.detach(), .. autograd.grad([y], [x, weight, bias], [upstream])];
        }

        var mine = Of(x => layer.ForwardSilu(x));
        var own = Of(x => NormSilu.Apply(x, Groups, weight, bias, Epsilon));
        var composite = Of(x =>
            nn.functional.silu(nn.functional.group_norm(x.to(ScalarType.Float32), Groups, weight, bias, Epsilon)).to(type)
        );
        Assert.That(Equal(own, composite), Is.False, "rounding tells the forms apart");
        Assert.That(Equal(mine, kernel ? own : composite), "the form that was to be taken");
        foreach (var (a, b, what) in own.Zip(composite, ["value", "input", "weight", "bias"]))
            Assert.That(Off(a, b), Is.LessThan(tolerance), $"the forms agree: {what}");
    }

    private static bool Equal(Tensor[] a, Tensor[] b) => a.Zip(b).All(pair => pair.First.equal(pair.Second).all().item<bool>());

    // Largest difference over the largest expected value.
    private static double Off(Tensor mine, Tensor expected)
    {
        var (a, b) = (mine.to(ScalarType.Float64), expected.to(ScalarType.Float64));
        return ((a - b).abs().max() / b.abs().max().clamp_min(1e-30)).item<double>();
    }
}
