using System.Globalization;
using System.Text.RegularExpressions;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>The forward process, the guided prediction and every state of the samplers' trajectories.</summary>
internal static partial class DiffusionCase
{
    public static void Run(CaseRun run)
    {
        using var none = no_grad();
        using var network = run.Network();
        var outputs = run.File.Outputs;
        var condition = run.Condition(outputs["c"].Integers(), null);
        foreach (var (name, part) in outputs.Members())
            if (part.Has("x_t"))
                Forward(run, part, condition);
            else if (part.Has("guided"))
                Guided(run, network, part, condition, int.Parse(name[(name.LastIndexOf('_') + 1)..], CultureInfo.InvariantCulture));
            else if (part.Has("xs"))
                Trajectory(run, network, name, part, condition);
    }

    private static void Forward(CaseRun run, GoldenNode part, Condition condition)
    {
        using var zero = new ZeroDenoiser(run.Device);
        var t = run.Tensor(part["t"].Integers());
        var batch = new NoisedBatch(run.Input(run.File.Input("x0")), condition, t, run.Input(run.File.Input("e")));
        var loss = EpsilonLoss.Of(zero, run.Schedule(), batch);
        run.Check.Tensor(part["x_t"], zero.Seen!);
        if (part.Find("loss_of_zero_model") is { } want)
            run.Check.Scalar(want, loss.ToDouble());
    }

    private static void Guided(CaseRun run, ClassConditionalUNet network, GoldenNode part, Condition condition, int t)
    {
        var x = run.Input(run.File.Input("xT"));
        var (cond, nothing) = Both(run, network, x, t, condition);
        run.Check.Tensor(part["cond"], cond);
        run.Check.Tensor(part["null"], nothing);
        run.Check.Tensor(part["guided"], Guidance.ByWeight(part["cond_scale"].Number()).Combine(cond, nothing));
    }

    private static void Trajectory(CaseRun run, ClassConditionalUNet network, string name, GoldenNode part, Condition condition)
    {
        var schedule = run.Schedule();
        var sampler = Sampler(run.Check, schedule, name, part);
        var guidance = Guidance.ByWeight(part["cond_scale"].Number());
        var startName = part["xT"].Text();
        var x = run.Input(run.File.Inputs.First(i => i["name"].Text() == startName));
        var (states, cleans) = (part["xs"].Items(), part.Find("x0_preds")?.Items());
        var draws = part.Find("draws")?.Texts() ?? [];
        part.Find("draws_ignored_because_c1_is_0")?.Use();
        var (step, drawn) = (0, 0);

        Tensor Predict(Tensor state, int t)
        {
            var (cond, nothing) = Both(run, network, state, t, condition);
            var epsilon = guidance.Combine(cond, nothing);
            if (cleans is not null)
                run.Check.Tensor(cleans[step], sampler.PredictClean(state, epsilon, schedule.AlphaBarAt(t)));
            step++;
            return epsilon;
        }

        Tensor Noise(ReadOnlySpan<long> shape)
        {
            if (drawn == draws.Length)
                throw new Mismatch($"{part.Path}/draws: the sampler draws more often than listed");
            var count = 1L;
            foreach (var n in shape)
                count *= n;
            return run.Tensor(ProceduralRule.Noise(draws[drawn++], count), shape.ToArray());
        }

        run.Check.Tensor(states[0], x);
        var final = sampler.Run(schedule, x, Predict, Noise, (_, state) => run.Check.Tensor(states[step], state));
        run.Check.Tensor(part["final"], final);
        run.Check.Number(part["n_states"], step + 1);
    }

    // What the name says, and the spacing of times that gives the file's times.
    private static Sampler Sampler(Checker check, NoiseSchedule schedule, string name, GoldenNode part)
    {
        var times = part["seq"].Integers();
        var steps = (int)part["S"].Integer();
        var eta =
            part.Find("eta")?.Number()
            ?? (EtaInName().Match(name) is { Success: true } m ? double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture) : 0);
        var clip = name.Contains("clamped", StringComparison.Ordinal);
        Sampler sampler = name.StartsWith("ddpm", StringComparison.Ordinal)
            ? new Ancestral
            {
                Steps = steps,
                ClipClean = clip,
                Variance = ReverseVariance.Large,
            }
            : new Ddim
            {
                Steps = steps,
                ClipClean = clip,
                Eta = eta,
            };
        if (name.Contains("quad", StringComparison.Ordinal))
            sampler = sampler with { Skip = TimeSkip.Quadratic };
        var mine = sampler.Times(schedule.Steps);
        check.Require(mine.Select(t => (long)t).SequenceEqual(times), part["seq"].Path, $"visits {string.Join(' ', mine)}");
        return sampler;
    }

    private static (Tensor Conditional, Tensor Unconditional) Both(
        CaseRun run,
        ClassConditionalUNet network,
        Tensor x,
        int t,
        Condition condition
    )
    {
        var count = x.shape[0];
        var time = full(count, t, ScalarType.Int64, run.Device);
        var nothing = condition.Keeping(zeros(count, ScalarType.Bool, run.Device));
        return (network.Predict(x, time, condition), network.Predict(x, time, nothing));
    }

    [GeneratedRegex(@"eta(\d+(?:\.\d+)?)")]
    private static partial Regex EtaInName();

    // ε_θ = 0, so that the loss is the noise's and the input is seen as the loss makes it.
    private sealed class ZeroDenoiser(Device device) : IDenoiser, IDisposable
    {
        public Tensor? Seen { get; private set; }
        public Device Device => device;
        public bool Training { get; set; }

        public Tensor Predict(Tensor x, Tensor t, Condition condition)
        {
            Seen = x.clone().DetachFromDisposeScope();
            return zeros_like(x);
        }

        public void Dispose() => Seen?.Dispose();
    }
}
