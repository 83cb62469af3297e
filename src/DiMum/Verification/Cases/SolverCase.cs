using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>Solvers on small given models, in diffusers' and in CompVis' wording: times, levels, sums after steps, the last sample.</summary>
internal static class SolverCase
{
    private const double TableError = 1e-6; // of float32 tables, relative to the largest value or 1

    /// <summary>Cases of diffusers' schedulers.</summary>
    public static void Diffusers(CaseRun run)
    {
        using var none = no_grad();
        foreach (var part in run.File.Expected("cases").Items())
        {
            var eta = part["step_arguments"].Find("eta")?.Number() ?? 0;
            part.Find("noise")?.Use();
            foreach (var one in part["runs"].Items())
            {
                using var scope = NewDisposeScope();
                var steps = (int)one["num_inference_steps"].Integer();
                var solver = SolverConfig.Of(part["scheduler"].Text(), part["config"], steps, eta);
                run.Check.Number(one["init_noise_sigma"], solver.StartDeviation, TableError * solver.StartDeviation);
                TimeLists.Compare(run.Check, one.Find("timesteps"), solver.Times);
                if (one.Find("timesteps_first_last") is { } ends)
                {
                    var parts = ends.Use().Items();
                    run.Check.Numbers(parts[0], [.. solver.Times.Take(parts[0].Items().Count)]);
                    run.Check.Numbers(parts[1], [.. solver.Times.TakeLast(parts[1].Items().Count)]);
                }

                if (one.Find("sigmas") is { } sigmas)
                    Levels(run.Check, sigmas, solver);
                var drawn = Trajectory(run, part, one, solver, Model(part["model"].Text()));
                run.Check.Number(one["noise_tensors_used"], drawn);
            }
        }
    }

    /// <summary>Cases of CompVis' samplers.</summary>
    public static void CompVis(CaseRun run)
    {
        using var none = no_grad();
        var schedule = NoiseSchedule.ScaledLinear();
        foreach (var part in run.File.Expected("cases").Items())
        {
            var eta = part["eta"].Number();
            foreach (var one in part["runs"].Items())
            {
                using var scope = NewDisposeScope();
                var steps = (int)one["S"].Integer();
                var plain = DdimSolver.AsCompVis(schedule, steps, eta);
                Solver solver = part["sampler"].Text() switch
                {
                    "DDIMSampler" => plain,
                    "PLMSSampler" => PndmSolver.AsCompVis(schedule, steps),
                    var other => throw new NotCovered($"{part.Path}: the sampler '{other}' is unknown here"),
                };
                run.Check.Numbers(one["timesteps"], plain.Times);
                run.Check.Numbers(one["ddim_alphas"], [.. plain.AlphaBar.Reverse()], TableError);
                run.Check.Numbers(one["ddim_alphas_prev"], [.. plain.AlphaBarAfter.Reverse()], TableError);
                run.Check.Numbers(
                    one["ddim_sigmas"],
                    [.. Enumerable.Range(0, plain.Times.Count).Reverse().Select(plain.Deviation)],
                    TableError
                );
                var model = part.Find("guidance") is { } guidance ? Guided(run, part, guidance) : Model(part["model"].Text());
                run.Check.Number(one["noise_tensors_drawn"], Trajectory(run, part, one, solver, model));
            }
        }
    }

    // Runs and compares; returns the number of draws.
    private static int Trajectory(CaseRun run, GoldenNode part, GoldenNode one, Solver solver, ModelOutput model)
    {
        var drawn = 0;
        Tensor Noise(ReadOnlySpan<long> shape) => SdPart.Input(run, $"noise.{drawn++}", shape.ToArray(), Math.Sqrt(2));
        var sums = new List<double>();
        var start = SdPart.Input(run, part["sample"]) * solver.StartDeviation;
        var final = solver.Run(start, model, Noise, onStep: (_, x) => sums.Add(Size(x)));
        var atol = one["tolerance"]["suggested_atol"].Number();
        one["tolerance"].Use();
        SdPart.Compare(run, one["final_sample"], final, atol);
        Sums(run.Check, one, sums, atol, final.numel());
        return drawn;
    }

    private static void Sums(Checker check, GoldenNode one, List<double> sums, double atol, long count)
    {
        check.Number(one["sum_abs"], sums[^1], atol * count);
        check.Number(one["mean_abs"], sums[^1] / count, atol);
        void Each(GoldenNode list, double[] got)
        {
            var want = list.Numbers();
            check.Require(want.Length == got.Length, list.Path, $"got {got.Length} sums, expected {want.Length}");
            for (var i = 0; i < Math.Min(want.Length, got.Length); i++)
                check.Compare(list.Path, i, got[i], want[i], Math.Max(atol * count, 1e-5 * want[i]));
        }

        if (one.Find("sum_abs_after_each_step") is { } all)
            Each(all, [.. sums]);
        foreach (var (name, list) in one.Members())
            if (name.StartsWith("sum_abs_after_each_step_strided_", StringComparison.Ordinal))
            {
                var stride = int.Parse(name[(name.LastIndexOf('_') + 1)..], System.Globalization.CultureInfo.InvariantCulture);
                Each(list, [.. sums.Where((_, i) => i % stride == 0)]);
            }
    }

    private static void Levels(Checker check, GoldenNode want, Solver solver)
    {
        var sigmas = solver switch
        {
            SigmaSolver s => s.Sigmas,
            LambdaSolver l => l.Sigmas,
            _ => throw new Mismatch($"{want.Path}: this solver has no levels"),
        };
        check.Numbers(want, sigmas, TableError * sigmas.Max());
    }

    private static ModelOutput Model(string name) =>
        name switch
        {
            "ratio" => (x, t) => x * (t / (t + 1)),
            "mix" => (x, t) => 0.5 * (t / (t + 1)) * x + 0.3 * x.roll(1, -1).tanh() + 0.1 * Math.Cos(t / 100),
            _ => throw new NotCovered($"the model '{name}' is unknown here"),
        };

    // The model plus a condition c, guided by scale between «NAME (input, hash, scale k)» of both kinds.
    private static ModelOutput Guided(CaseRun run, GoldenNode part, GoldenNode guidance)
    {
        var model = Model(part["model"].Text());
        var shape = part["sample"]["shape"].Integers();
        Tensor Of(string member)
        {
            var text = guidance[member].Text();
            var scale = text[(text.LastIndexOf(' ') + 1)..].TrimEnd(')');
            return SdPart.Input(run, text.Split(' ')[0], shape, double.Parse(scale, System.Globalization.CultureInfo.InvariantCulture));
        }

        var (conditional, nothing) = (Of("cond"), Of("uncond"));
        var by = Guidance.ByScale(guidance["scale"].Number());
        return (x, t) =>
        {
            var output = model(x, t);
            return by.Combine(output + conditional, output + nothing);
        };
    }

    internal static double Size(Tensor x)
    {
        using var scope = NewDisposeScope();
        return x.to(ScalarType.Float64).abs().sum().ToDouble();
    }
}
