using System.Diagnostics;
using System.Globalization;
using DiMum.Checkpoints;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Kernels;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using TorchSharp;
using static TorchSharp.torch;
using Modules = TorchSharp.Modules;

namespace DiMum.Benchmarks;

/// <summary>The other half of <c>benchmarks/peers/steps.py</c>: training steps and sampling, ours and in plain TorchSharp, on one fixed batch.</summary>
internal sealed class PeerSteps : IDisposable
{
    private const double Rate = 1e-4;
    private const double Average = 0.9999;
    private const double Bound = 1;
    private static readonly NoiseSchedule Schedule = NoiseSchedule.Named["linear"](1000);
    private readonly Dictionary<string, IDisposable> alive = [];
    private UNetConfig config = new();
    private NoisedBatch batch = null!;
    private Tensor start = null!; // θ, [n]

    /// <summary>Takes the network's shape and batch size; writes initial weights and the batch for the other side.</summary>
    public double Open(string[] words, string to)
    {
        Dispose();
        using var scope = NewDisposeScope();
        int At(int i) => int.Parse(words[i], CultureInfo.InvariantCulture);
        int[] List(int i) => words[i].Length == 0 ? [] : [.. words[i].Split(',').Select(w => int.Parse(w, CultureInfo.InvariantCulture))];
        var dropout = double.Parse(words[5], CultureInfo.InvariantCulture);
        config = new(10, At(0), At(7), At(1), List(2), At(3), List(4), dropout, At(6));
        using var generator = new Seed(1).Generator();
        using var model = new ClassConditionalUNet(config, CPU, generator);
        start = model.Parameters.Snapshot();
        var size = At(8);
        var shape = new long[] { size, config.ImageChannels, config.ImageSize, config.ImageSize };
        var condition = randint(10, [size], ScalarType.Int64, generator: generator);
        batch = new(
            rand(shape, generator: generator).mul_(2).sub_(1),
            new(condition, rand(size, generator: generator).ge(0.1)),
            randint(1000, [size], ScalarType.Int64, generator: generator),
            randn(shape, generator: generator)
        );
        var tensors = model.Parameters.Entries.ToDictionary(
            p => "theta." + p.Name,
            p => model.Parameters.Slice(model.Parameters.Values, p.Name)
        );
        tensors["clean"] = batch.Clean;
        tensors["noise"] = batch.Noise;
        tensors["time"] = batch.Time;
        tensors["condition"] = condition;
        tensors["keep"] = batch.Condition.Keep!.to(ScalarType.Int64);
        Safetensors.Write(to, tensors);
        foreach (var t in new[] { batch.Clean, batch.Noise, batch.Time, batch.Condition.Value, batch.Condition.Keep!, start })
            t.DetachFromDisposeScope();
        return 0;
    }

    /// <summary>The loss of the last of <paramref name="count"/> steps of fp32, bf16 or plain.</summary>
    public double Steps(string who, int count)
    {
        var loss = double.NaN;
        for (var i = 0; i < count; i++)
            loss = who == "plain" ? Get(who, () => new Plain(this)).Step() : Get(who, () => new Ours(this, who)).Trainer.Step().Loss;
        return loss;
    }

    /// <summary>Mean of 64 images by DDIM-50 with guidance w = 1.</summary>
    public double Sample(string who, int count)
    {
        if (who == "plain")
            return SamplePlain(count);
        var model = Get("sampling " + who, () => new Ours(this, who)).Model;
        using var scope = NewDisposeScope();
        var generation = new Generation(Schedule, new Ddim { Steps = 50 }, Guidance.ByWeight(1), count);
        var image = (config.ImageChannels, config.ImageSize, config.ImageSize);
        return generation.Images(model, [.. Enumerable.Range(0, count).Select(i => i % 10L)], image, new(3)).mean().item<float>();
    }

    /// <summary>The same in plain TorchSharp: two forward passes a step.</summary>
    private double SamplePlain(int count)
    {
        var model = Get("plain", () => new Plain(this)).Model;
        using var scope = NewDisposeScope();
        using var none = no_grad();
        model.eval();
        using var generator = new Seed(3).At("generate", 0).Generator();
        var x = randn([count, config.ImageChannels, config.ImageSize, config.ImageSize], generator: generator);
        var condition = tensor([.. Enumerable.Range(0, count).Select(i => i % 10L)]);
        var sampler = new Ddim { Steps = 50 };
        Tensor Guided(Tensor at, int t)
        {
            var time = full(count, t, ScalarType.Int64);
            return 2 * model.forward(at, time, condition) - model.forward(at, time, full_like(condition, -1));
        }

        var images = sampler.Run(Schedule, x, Guided, shape => randn(shape.ToArray()));
        model.train();
        return images.mean().item<float>();
    }

    /// <summary>Clip, Adam and moving average: flat, or tensor by tensor with <c>torch.optim.Adam</c>.</summary>
    public double Optimise(string who, int count)
    {
        if (who == "plain")
        {
            var plain = Get(who, () => new Plain(this));
            if (plain.Model.parameters().First().grad is null)
                plain.Step();
            for (var i = 0; i < count; i++)
                plain.Update();
            return 0;
        }

        var ours = Get("fp32", () => new Ours(this, "fp32"));
        if (ours.Trainer.Updates == 0)
            ours.Trainer.Step();
        var gradient = ours.Model.Parameters.Gradient;
        for (var i = 0; i < count; i++)
            ours.Trainer.Adam.Step(Rate, GradientTransform.Factor(GradientTransform.Norm(gradient), Bound), ours.Trainer.Ema);
        return 0;
    }

    /// <summary>SalUn's mask of half of n scores, by selection or by a stable full sort; returns how far they differ where both were made.</summary>
    public double Mask(string who, long n)
    {
        var score = Get($"score {n}", () => Scores(n));
        using var scope = NewDisposeScope();
        if (who == "ours")
            return SalUn.TopMask(score.Value, 0.5).sum().ToDouble();
        var order = score.Value.sort(0, true, true).Indices;
        var sorted = zeros_like(score.Value).index_fill_(0, order.narrow(0, 0, n / 2), 1);
        return who == "sort" ? sorted.sum().ToDouble() : (sorted - SalUn.TopMask(score.Value, 0.5)).abs().sum().ToDouble();
    }

    /// <summary>
    /// Seconds of forward and backward of one convolution in the quicker of the two layouts, everything laid out beforehand; a mean of
    /// <paramref name="count"/> after one to warm up.
    /// </summary>
    public static double Convolve(ScalarType type, long b, long from, long to, long side, long kernel, long stride, int count)
    {
        double In(Func<Tensor, Tensor> layout)
        {
            using var scope = NewDisposeScope();
            Tensor Leaf(Tensor t) => layout(t.to(type)).detach().requires_grad_(true);
            var (x, w) = (Leaf(randn([b, from, side, side])), Leaf(randn([to, from, kernel, kernel])));
            var bias = zeros(to).to(type).requires_grad_(true);
            Tensor? upstream = null;
            void Once()
            {
                using var inside = NewDisposeScope();
                var y = nn.functional.conv2d(x, w, bias, strides: [stride, stride], padding: [kernel / 2, kernel / 2]);
                upstream ??= layout(randn(y.shape).to(type)).MoveToOuterDisposeScope();
                autograd.grad([y], [x, w, bias], [upstream]);
            }

            return Seconds(Once, count);
        }

        return Math.Min(In(t => t), In(t => t.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)));
    }

    /// <summary>Seconds of n×n times n×n, a mean of <paramref name="count"/> after one to warm up.</summary>
    public static double Multiply(ScalarType type, long n, int count)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        var (a, b) = (randn([n, n]).to(type), randn([n, n]).to(type));
        return Seconds(() => a.mm(b).Dispose(), count);
    }

    private static double Seconds(Action once, int count)
    {
        once();
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < count; i++)
            once();
        return clock.Elapsed.TotalSeconds / count;
    }

    /// <summary>Forgets networks, optimisers and scores.</summary>
    public double Forget()
    {
        foreach (var item in alive.Values)
            item.Dispose();
        alive.Clear();
        return 0;
    }

    public void Dispose()
    {
        Forget();
        batch?.Dispose();
        start?.Dispose();
    }

    private T Get<T>(string name, Func<T> make)
        where T : IDisposable
    {
        if (!alive.TryGetValue(name, out var made))
            alive[name] = made = make();
        return (T)made;
    }

    private static Held Scores(long n)
    {
        using var scope = NewDisposeScope();
        using var generator = new Seed(5).Generator();
        var score = randn(n, generator: generator).abs_();
        score.narrow(0, n / 3, n / 3).mul_(64).round_().div_(64); // many ties
        return new(score.DetachFromDisposeScope());
    }

    private sealed record Held(Tensor Value) : IDisposable
    {
        public void Dispose() => Value.Dispose();
    }

    private sealed class Ours : IDisposable
    {
        private readonly IUpdateRule rule;

        public Ours(PeerSteps of, string who)
        {
            using var generator = new Seed(1).Generator();
            Model = new(of.config, CPU, generator) { Precision = who == "bf16" ? Precision.Bf16 : Precision.Fp32 };
            Model.Parameters.Load(of.start);
            var clip = GradientTransform.None.ThenClip(Bound);
            rule = new UpdateRule(_ => [new(() => EpsilonLoss.Of(Model, Schedule, of.batch), clip)]);
            Trainer = new(Model, rule, new(int.MaxValue, new(Rate), Average), new(2));
        }

        public ClassConditionalUNet Model { get; }

        public Trainer Trainer { get; }

        public void Dispose()
        {
            Trainer.Dispose();
            rule.Dispose();
            Model.Dispose();
        }
    }

    private sealed class Plain : IDisposable
    {
        private readonly PeerSteps of;
        private readonly optim.Optimizer adam;
        private readonly List<(Modules.Parameter Value, Tensor Shadow)> shadows;
        private readonly Tensor alphaBar = tensor(Schedule.AlphaBar.ToArray(), ScalarType.Float32);

        public Plain(PeerSteps of)
        {
            this.of = of;
            Model = new(of.config);
            using var none = no_grad();
            using var generator = new Seed(1).Generator();
            using var values = new ClassConditionalUNet(of.config, CPU, generator);
            values.Parameters.Load(of.start);
            Model.Load(values.Parameters);
            adam = optim.Adam(Model.parameters(), Rate);
            shadows = [.. Model.parameters().Select(p => (p, p.detach().clone()))];
        }

        public PeerUNet Model { get; }

        public double Step()
        {
            using var scope = NewDisposeScope();
            adam.zero_grad();
            var (batch, a) = (of.batch, alphaBar.index_select(0, of.batch.Time).view(-1, 1, 1, 1));
            var noised = a.sqrt() * batch.Clean + (1 - a).sqrt() * batch.Noise;
            var condition = where(batch.Condition.Keep!, batch.Condition.Value, full_like(batch.Condition.Value, -1));
            var loss = (batch.Noise - Model.forward(noised, batch.Time, condition)).square().sum(1).sum(1).sum(1).mean();
            loss.backward();
            Update();
            return loss.item<float>();
        }

        public void Update()
        {
            using var scope = NewDisposeScope();
            nn.utils.clip_grad_norm_(Model.parameters(), Bound);
            adam.step();
            using var none = no_grad();
            foreach (var (value, shadow) in shadows)
                shadow.mul_(Average).add_(value, alpha: 1 - Average);
        }

        public void Dispose()
        {
            adam.Dispose();
            foreach (var (_, shadow) in shadows)
                shadow.Dispose();
            alphaBar.Dispose();
            Model.Dispose();
        }
    }
}
