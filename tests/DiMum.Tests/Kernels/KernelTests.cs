using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using DiMum.Diffusion;
using DiMum.Kernels;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Studies;
using DiMum.Unlearning.Methods;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Kernels;

/// <summary>Kernels of our own against the composites of torch in float64, or in the same bits. Run again with DOTNET_EnableAVX512=0 for AVX2.</summary>
[NonParallelizable]
public class KernelTests
{
    private const string WithoutAvx512 = "DIMUM_TEST_WITHOUT_AVX512";
    private int threads;

    [SetUp]
    public void OneThread()
    {
        if (Environment.GetEnvironmentVariable(WithoutAvx512) == "1")
            Assert.That(Avx512F.IsSupported, Is.False);
        Norm.Least = 0; // small shapes have all the edges; KernelChoiceTests has the bound
        threads = get_num_threads();
        set_num_threads(1);
    }

    [TearDown]
    public void Restore()
    {
        NormSilu.Enabled = true;
        Norm.Least = Norm.KernelFrom;
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

    // [B,C,H,W], groups: odd and single pixels, groups that straddle 16 lanes, one channel a group.
    [TestCase(2, 16, 4, 4, 2)]
    [TestCase(3, 48, 5, 7, 4)]
    [TestCase(2, 32, 1, 1, 8)]
    [TestCase(4, 64, 8, 8, 8)]
    [TestCase(1, 16, 17, 1, 16)]
    [TestCase(2, 80, 3, 3, 2)]
    public void Channels_last_norm_shift_silu_and_dropout_have_the_composites_value_and_gradients(int b, int c, int h, int w, int groups)
    {
        foreach (var (dtype, tolerance) in new[] { (ScalarType.Float32, 3e-5), (ScalarType.BFloat16, 2e-2) })
        foreach (var silu in new[] { true, false })
        foreach (var (shifted, share) in new[] { (true, 0.0), (false, 0.3), (true, 0.3) })
        {
            using var scope = NewDisposeScope();
            using var generator = new Seed(5).Generator();
            var image = NormLast.Layout(randn([b, c, h, w], generator: generator).mul_(2).add_(1).to(dtype));
            var (weight, bias) = (randn([c], generator: generator), randn([c], generator: generator));
            var (shift, upstream) = (randn([b, c], generator: generator).to(dtype), randn([b, c, h, w], generator: generator));
            var drop = new Dropping(share, 77);

            Tensor[] Run(bool kernel)
            {
                Tensor Leaf(Tensor t) => (kernel ? t : t.to(ScalarType.Float64)).detach().requires_grad_(true);
                var (x, s, o, e) = (Leaf(image), Leaf(weight), Leaf(bias), Leaf(shift));
                Tensor y;
                if (kernel)
                    y = NormLast.Apply(x, groups, s, o, shifted ? e : null, 1e-6, new(silu, drop));
                else
                {
                    y = nn.functional.group_norm(shifted ? x + e.unsqueeze(-1).unsqueeze(-1) : x, groups, s, o, 1e-6);
                    y = silu ? nn.functional.silu(y) : y;
                    y = share > 0 ? y * drop.Of([b, c, h, w]) : y;
                }

                (y.to(ScalarType.Float64) * upstream).sum().backward();
                return shifted ? [y.detach(), x.grad!, s.grad!, o.grad!, e.grad!] : [y.detach(), x.grad!, s.grad!, o.grad!];
            }

            foreach (var (mine, expected, what) in Run(true).Zip(Run(false), ["value", "input", "weight", "bias", "shift"]))
            {
                var where = $"{what} in {dtype}, SiLU {silu}, shift {shifted}, dropped {share}";
                if (what != "shift" || groups != c)
                    Assert.That(Off(mine, expected), Is.LessThan(tolerance), where);
                else // the norm takes away what is added to a whole group: only rounding of terms near 1 is left
                    Assert.That(Math.Max(Largest(expected) * 1e7, Largest(mine)), Is.LessThan(5e-6), where);
            }
        }
    }

    [TestCase(5, 16, 3)]
    [TestCase(33, 48, 2)]
    public void Channels_last_weights_are_the_weights_and_their_gradient_the_gradient(int to, int from, int kernel)
    {
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            using var scope = NewDisposeScope();
            var weight = randn(to, from, kernel, kernel).requires_grad_(true);
            var copy = LastWeights.Of(weight, type);
            Assert.That(NormLast.IsLast(copy));
            Assert.That(copy.equal(weight.to(type)).all().item<bool>());
            var upstream = randn(copy.shape).to(type);
            var slope = autograd.grad([copy], [weight], [upstream])[0];
            Assert.That(slope.equal(upstream.to(ScalarType.Float32)).all().item<bool>());
        }
    }

    [TestCase(0.1)]
    [TestCase(0.5)]
    public void Dropout_keeps_its_share_and_each_key_keeps_others(double share)
    {
        using var scope = NewDisposeScope();
        const int n = 1_000_000;
        var (a, b) = (new Dropping(share, 1).Of([n]), new Dropping(share, 2).Of([n]));
        var (first, second) = (a.gt(0).to(ScalarType.Float64), b.gt(0).to(ScalarType.Float64));
        var deviation = Math.Sqrt(share * (1 - share) / n);
        Assert.That(first.mean().item<double>(), Is.EqualTo(1 - share).Within(5 * deviation));
        Assert.That(a.max().item<float>(), Is.EqualTo((float)(1 / (1 - share))));
        double Correlation(Tensor x, Tensor y) => ((x - x.mean()) * (y - y.mean())).mean().item<double>() / (share * (1 - share));
        Assert.That(Correlation(first, second), Is.EqualTo(0).Within(0.005), "between keys");
        foreach (var lag in new[] { 1, 16, 64, 256 })
            Assert.That(Correlation(first[..^lag], first[lag..]), Is.EqualTo(0).Within(0.005), $"at distance {lag}");
        Assert.That(new Dropping(share, 1).Of([17, 1021]).flatten().equal(a[..(17 * 1021)]).all().item<bool>(), "by index alone");
    }

    // Side, batch, width, levels, attention at, groups, dropout, whether widths suit channels last: two levels with attention; odd sides; one image; one
    // group and one channel a group; widths that 16 does not divide.
    [TestCase(8, 6, 32, 2, 4, 8, 0.3, true)]
    [TestCase(8, 1, 32, 2, 8, 32, 0.0, true)]
    [TestCase(7, 1, 16, 1, 7, 4, 0.3, true)]
    [TestCase(5, 3, 48, 1, 0, 1, 0.5, true)]
    [TestCase(10, 2, 24, 2, 5, 6, 0.3, false)]
    [TestCase(9, 1, 20, 1, 9, 5, 0.0, false)]
    public void A_network_with_kernels_is_the_one_without(
        int side,
        int batch,
        int width,
        int levels,
        int attention,
        int groups,
        double share,
        bool suits
    )
    {
        using var scope = NewDisposeScope();
        using var generator = new Seed(8).Generator();
        var config = new UNetConfig(10, side, 3, width, [.. Enumerable.Range(1, levels)], 1, [attention], share, groups);
        using var model = new ClassConditionalUNet(config, CPU, generator);
        var x = randn([batch, 3, side, side], generator: generator);
        var time = arange(batch, ScalarType.Int64) * 100;
        var condition = new Condition(arange(batch, ScalarType.Int64));
        (Tensor Output, Tensor Gradient) Run(bool kernels, bool? last, Precision precision)
        {
            NormSilu.Enabled = kernels;
            model.ChannelsLast = last;
            model.Precision = precision;
            model.SeedDropout(new(3));
            model.Parameters.ZeroGradient();
            var output = model.Predict(x, time, condition);
            output.square().sum().backward();
            return (output.detach(), model.Parameters.Gradient.clone());
        }

        foreach (var (precision, off, offSlope) in new[] { (Precision.Fp32, 1e-5, 1e-4), (Precision.Bf16, 0.03, 0.06) })
        {
            var (slow, expected) = Run(false, null, precision);
            foreach (var last in new bool?[] { true, false, null })
            {
                var (fast, slope) = Run(true, last, precision);
                Assert.That(fast.is_contiguous() || !suits || !(last ?? precision == Precision.Bf16));
                Assert.That(Distance(fast, slow), Is.InRange(1e-12, off), $"{precision}, last {last}");
                Assert.That(Distance(slope, expected), Is.LessThan(offSlope), $"gradient, {precision}, last {last}");
            }

            var laid = Run(true, true, precision).Output;
            Assert.That(
                Distance(laid, Run(true, false, precision).Output) > 0,
                Is.EqualTo(suits),
                "the layout is another road where widths suit it"
            );
            Assert.That(Distance(laid, Run(true, true, precision).Output), Is.Zero, "again");
            using var none = no_grad();
            model.SeedDropout(new(3));
            Assert.That(Distance(model.Predict(x, time, condition), laid), Is.LessThan(off), "without gradient");
            if (share > 0)
                Assert.That(Distance(Dropped(4), laid), Is.GreaterThan(2 * off), "another seed drops others");
        }

        Tensor Dropped(int seed)
        {
            model.SeedDropout(new(seed));
            return model.Predict(x, time, condition);
        }
    }

    [Test]
    public void Two_threads_compute_what_one_does()
    {
        using var scope = NewDisposeScope();
        using var generator = new Seed(8).Generator();
        var x = NormLast.Layout(randn([9, 32, 33, 31], generator: generator)).requires_grad_(true);
        var (weight, bias) = (randn([32], generator: generator).requires_grad_(true), randn([32], generator: generator));
        (Tensor, Tensor, Tensor) Run(int number)
        {
            set_num_threads(number);
            var y = NormLast.Apply(x, 8, weight, bias, null, 1e-6, new(true, new(0.1, 3)));
            var slopes = autograd.grad([y.square().sum()], [x, weight]);
            return (y.detach(), slopes[0], slopes[1]);
        }

        var (one, two) = (Run(1), Run(2));
        Assert.That(one.Item1.equal(two.Item1).all().item<bool>() && one.Item2.equal(two.Item2).all().item<bool>());
        Assert.That(one.Item3.equal(two.Item3).all().item<bool>());
    }

    [Test]
    public void Kernels_refuse_what_does_not_fit()
    {
        using var scope = NewDisposeScope();
        var x = NormLast.Layout(randn(2, 16, 3, 3));
        var (right, wrong) = (ones(16), ones(15));
        Assert.That(() => NormLast.Apply(x, 5, right, right, null, 1e-6, default), Throws.ArgumentException);
        Assert.That(() => NormLast.Apply(x, 4, wrong, right, null, 1e-6, default), Throws.ArgumentException);
        Assert.That(() => NormLast.Apply(x, 4, right, wrong, null, 1e-6, default), Throws.ArgumentException);
        Assert.That(() => NormLast.Apply(x, 4, right, right, ones(2, 15), 1e-6, default), Throws.ArgumentException);
        Assert.That(() => NormLast.Apply(x.contiguous(), 4, right, right, null, 1e-6, default), Throws.ArgumentException);
        Assert.That(NormLast.Takes(x.to(ScalarType.Float64)), Is.False);
        Assert.That(() => LastWeights.Of(ones(16, 15, 3, 3), ScalarType.Float32), Throws.ArgumentException);
        Assert.That(() => LastWeights.Of(ones(16, 16, 3, 3), ScalarType.Float16), Throws.ArgumentException);
    }

    /// <summary>These tests again in a process whose vectors are 256 bits wide.</summary>
    [Test]
    public void Kernels_are_right_without_AVX_512()
    {
        if (!Avx512F.IsSupported)
            Assert.Pass("this process has no AVX-512: the other tests were it");
        var start = new ProcessStartInfo("dotnet")
        {
            ArgumentList =
            {
                "vstest",
                typeof(KernelTests).Assembly.Location,
                "--TestCaseFilter:FullyQualifiedName~KernelTests&FullyQualifiedName!~without_AVX_512&FullyQualifiedName!~Hundreds",
            },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOTNET_EnableAVX512"] = "0";
        start.Environment["DOTNET_EnableAVX512F"] = "0"; // its name before .NET 10
        start.Environment[WithoutAvx512] = "1";
        using var child = Process.Start(start)!;
        var errors = child.StandardError.ReadToEndAsync();
        var output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        Assert.That(child.ExitCode, Is.Zero, output + errors.Result);
        Assert.That(output, Does.Match(@"Passed: +[2-9]\d"), output);
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

    [TestCase(Precision.Fp32)]
    [TestCase(Precision.Bf16)]
    public void Hundreds_of_steps_keep_memory_where_it_was(Precision precision)
    {
        using var endurance = new Endurance(precision);
        endurance.Run(50);
        var before = endurance.Measure();
        endurance.Run(150);
        var after = endurance.Measure();
        Assert.That(after.Tensors, Is.EqualTo(before.Tensors));
        Assert.That(after.Managed - before.Managed, Is.LessThan(200_000), "managed bytes");
        Assert.That(after.Resident - before.Resident, Is.LessThan(30_000_000), "resident bytes");
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

    private static double Largest(Tensor t)
    {
        using var none = no_grad();
        return t.to(ScalarType.Float64).abs().max().item<double>();
    }

    private static double Distance(Tensor a, Tensor b)
    {
        using var none = no_grad();
        return ((a - b).norm() / b.norm()).item<float>();
    }
}
