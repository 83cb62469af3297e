using DiMum.Diffusion;
using DiMum.Kernels;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Unlearning.Methods;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Kernels;

/// <summary>Kernels of our own against the composites of torch in float64, or in the same bits. Run again with DOTNET_EnableAVX512=0 for AVX2.</summary>
[NonParallelizable]
public class KernelTests
{
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

    // [B,C,H,W], groups: whole rows of 16, ends of rows, one pixel, one channel a group.
    [TestCase(2, 8, 4, 4, 2)]
    [TestCase(3, 6, 5, 7, 3)]
    [TestCase(1, 12, 1, 1, 2)]
    [TestCase(2, 32, 16, 16, 8)]
    [TestCase(5, 10, 3, 3, 5)]
    [TestCase(4, 64, 8, 8, 8)]
    [TestCase(1, 3, 17, 1, 3)]
    public void Norm_and_silu_in_one_have_the_composites_value_and_gradients(int b, int c, int h, int w, int groups)
    {
        foreach (var (dtype, tolerance) in new[] { (ScalarType.Float32, 2e-5), (ScalarType.BFloat16, 2e-2) })
        foreach (var strided in new[] { false, true })
        {
            using var scope = NewDisposeScope();
            using var generator = new Seed(5).Generator();
            var image = randn([b, c, h, w], generator: generator).mul_(2).add_(1).to(dtype);
            if (strided)
                image = image.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
            var weight = randn([c], generator: generator);
            var bias = randn([c], generator: generator);
            var upstream = randn([b, c, h, w], generator: generator);

            Tensor[] Run(bool kernel)
            {
                Tensor Leaf(Tensor t) => (kernel ? t : t.to(ScalarType.Float64)).detach().clone().requires_grad_(true);
                var (x, s, o) = (Leaf(image), Leaf(weight), Leaf(bias));
                var y = kernel
                    ? NormSilu.Apply(x, groups, s, o, 1e-6)
                    : nn.functional.silu(nn.functional.group_norm(x, groups, s, o, 1e-6));
                (y.to(ScalarType.Float64) * upstream).sum().backward();
                return [y.detach(), x.grad!, s.grad!, o.grad!];
            }

            foreach (var (mine, expected, what) in Run(true).Zip(Run(false), ["value", "input", "weight", "bias"]))
                Assert.That(Off(mine, expected), Is.LessThan(tolerance), $"{what} in {dtype}, strided {strided}");
        }
    }

    [TestCase(1)]
    [TestCase(15)]
    [TestCase(16)]
    [TestCase(600_003)]
    public void Clip_Adam_and_average_in_one_pass_are_the_separate_ones(int n)
    {
        using var scope = NewDisposeScope();
        using var fast = Vector(n);
        using var slow = Vector(n);
        using var quick = new Adam(fast);
        using var plain = new Adam(slow);
        using var shadow = new Ema(fast, 0.999);
        using var kept = new Ema(slow, 0.999);
        using var generator = new Seed(6).Generator();
        for (var step = 0; step < 5; step++)
        {
            using var none = no_grad();
            var gradient = randn(n, generator: generator);
            fast.Gradient.copy_(gradient);
            slow.Gradient.copy_(gradient);
            NormSilu.Enabled = true;
            quick.Step(1e-2, 0.7f, shadow);
            NormSilu.Enabled = false;
            plain.Step(1e-2, 0.7f, kept);
        }

        Assert.That(Off(fast.Values, slow.Values), Is.LessThan(1e-6));
        Assert.That(Off(quick.FirstMoment, plain.FirstMoment), Is.LessThan(1e-6));
        Assert.That(Off(quick.SecondMoment, plain.SecondMoment), Is.LessThan(1e-6));
        Assert.That(Off(shadow.Shadow, kept.Shadow), Is.LessThan(1e-6));
        Assert.That(fast.Gradient.equal(slow.Gradient).all().item<bool>(), "the clipped gradient stays in place");
    }

    [Test]
    public void The_mask_by_radix_is_the_mask_by_order_with_ties_signs_and_zeros()
    {
        var random = new Random(3);
        using var generator = new Seed(7).Generator();
        for (var trial = 0; trial < 100; trial++)
        {
            using var scope = NewDisposeScope();
            var n = random.Next(1, 300);
            var score = randn(n, generator: generator);
            if (trial % 3 == 0)
                score = score.mul(2).round();
            if (trial % 2 == 0)
                score = trial % 4 == 0 ? score.abs() : score.abs().neg();
            var ratio = random.NextDouble();
            NormSilu.Enabled = true;
            var radix = SalUn.TopMask(score, ratio);
            NormSilu.Enabled = false;
            Assert.That(radix.equal(SalUn.TopMask(score, ratio)).all().item<bool>(), $"trial {trial}: n = {n}, ratio {ratio}");
        }
    }

    [Test]
    public void A_network_in_bfloat16_is_near_the_one_in_float32_and_its_gradient_is_float32()
    {
        using var scope = NewDisposeScope();
        using var generator = new Seed(8).Generator();
        using var model = new ClassConditionalUNet(new(10, 8, 1, 32, [1, 1], 1, [4], 0, 8), CPU, generator);
        var x = randn([8, 1, 8, 8], generator: generator);
        var time = arange(8, ScalarType.Int64) * 100;
        var condition = new Condition(arange(8, ScalarType.Int64));
        (Tensor Output, Tensor Gradient) Run(Precision precision)
        {
            model.Precision = precision;
            model.Parameters.ZeroGradient();
            var output = model.Predict(x, time, condition);
            output.square().sum().backward();
            return (output.detach(), model.Parameters.Gradient.clone());
        }

        var (exact, slope) = Run(Precision.Fp32);
        var (rough, rougher) = Run(Precision.Bf16);
        Assert.That(rough.dtype, Is.EqualTo(ScalarType.Float32));
        Assert.That(Distance(rough, exact), Is.InRange(1e-6, 0.03));
        Assert.That(Distance(rougher, slope), Is.InRange(1e-6, 0.06));
        Assert.That(Distance(Run(Precision.Fp32).Output, exact), Is.Zero);
    }

    [Test]
    public void Steps_leave_no_tensors()
    {
        using var scope = NewDisposeScope();
        using var generator = new Seed(9).Generator();
        using var model = new ClassConditionalUNet(new(10, 8, 1, 32, [1, 1], 1, [4], 0, 8), CPU, generator);
        using var adam = new Adam(model.Parameters);
        var x = randn([4, 1, 8, 8], generator: generator);
        var time = arange(4, ScalarType.Int64) * 100;
        var condition = new Condition(arange(4, ScalarType.Int64));
        void Step()
        {
            using var inside = NewDisposeScope();
            model.Parameters.ZeroGradient();
            model.Predict(x, time, condition).square().sum().backward();
            adam.Step(1e-4, 1, null);
        }

        foreach (var precision in Enum.GetValues<Precision>())
        {
            model.Precision = precision;
            Step();
            var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            for (var i = 0; i < 3; i++)
                Step();
            Assert.That(DisposeScopeManager.Statistics.ThreadTotalLiveCount, Is.EqualTo(before), $"live tensors in {precision}");
        }
    }

    private static ParameterVector Vector(int n)
    {
        var declared = new ParameterDeclarations();
        declared.Declare("p", Init.StandardNormal, n);
        using var generator = new Seed(4).Generator();
        return new(declared, CPU, generator, ScalarType.Float32);
    }

    // Largest difference over the largest expected value.
    private static double Off(Tensor mine, Tensor expected)
    {
        using var none = no_grad();
        var (a, b) = (mine.to(ScalarType.Float64), expected.to(ScalarType.Float64));
        return ((a - b).abs().max() / b.abs().max().clamp_min(1e-30)).item<double>();
    }

    private static double Distance(Tensor a, Tensor b)
    {
        using var none = no_grad();
        return ((a - b).norm() / b.norm()).item<float>();
    }
}
