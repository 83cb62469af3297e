using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>β_t, α_t, ᾱ_t, the reverse variances and the time embedding.</summary>
internal static class ScheduleCase
{
    private const double SmallestVariance = 1e-20; // what the released runner clamps to before taking the logarithm

    public static void Run(CaseRun run)
    {
        var times = run.File.Outputs["t"].Integers();
        foreach (var (name, section) in run.File.Outputs.Members())
            if (name.StartsWith("timestep_embedding", StringComparison.Ordinal))
                Embedding(run, section);
            else if (name.StartsWith("compute_alpha_", StringComparison.Ordinal))
                run.Check.Tensor(section["value"], Of(section["t"].Integers(), t => Named(run, name[14..], null).AlphaBarAt((int)t)));
            else if (section.Has("betas"))
                Table(run.Check, Named(run, name, section.Find("kwargs")), times, section);
    }

    private static void Embedding(CaseRun run, GoldenNode section)
    {
        var width = section["value"]["shape"].Integers()[^1];
        run.Check.Tensor(section["value"], ClassConditionalUNet.TimeFeatures(run.Tensor(section["t"].Integers()), width, run.Precision));
    }

    private static void Table(Checker check, NoiseSchedule schedule, long[] times, GoldenNode section)
    {
        double Variance(long t, ReverseVariance kind) =>
            new Ancestral { Steps = schedule.Steps, Variance = kind }.StepVariance(schedule, (int)t, (int)t - 1);
        foreach (var (name, want) in section.Members())
        {
            Func<long, double>? value = name switch
            {
                "betas" or "betas_float64" => t => schedule.Beta[(int)t],
                "alphas" => t => 1 - schedule.Beta[(int)t],
                "alphas_cumprod" => t => schedule.AlphaBarAt((int)t),
                "alphas_cumprod_prev" => t => schedule.AlphaBarAt((int)t - 1),
                "posterior_variance" => t => Variance(t, ReverseVariance.Small),
                "logvar_fixedlarge" => t => Math.Log(Variance(t, ReverseVariance.Large)),
                "logvar_fixedsmall" => t => Math.Log(Math.Max(Variance(t, ReverseVariance.Small), SmallestVariance)),
                _ => null,
            };
            if (value is not null)
                check.Tensor(want, Of(times, value));
            else if (name == "sum_alphas_cumprod")
                check.Scalar(want, schedule.AlphaBar.ToArray().Sum());
            else if (name == "num_timesteps")
                check.Number(want, schedule.Steps);
        }
    }

    private static NoiseSchedule Named(CaseRun run, string name, GoldenNode? options)
    {
        var diffusion = run.File.ModelData["diffusion"];
        var steps = (int)diffusion["num_diffusion_timesteps"].Integer();
        if (!name.StartsWith("ldm_", StringComparison.Ordinal))
        {
            var plain = name.StartsWith("runner_", StringComparison.Ordinal) ? name["runner_".Length..] : name;
            return Schedules.Of(plain, steps, diffusion["beta_start"].Number(), diffusion["beta_end"].Number());
        }

        double Option(string key, double otherwise) => options?.Find(key)?.Number() ?? otherwise;
        var (start, end) = (Option("linear_start", 1e-4), Option("linear_end", 2e-2));
        return name["ldm_".Length..] switch
        {
            "linear" => NoiseSchedule.ScaledLinear(steps, start, end),
            "sqrt_linear" => NoiseSchedule.Linear(steps, start, end),
            "sqrt" => NoiseSchedule.Of("sqrt", Array.ConvertAll(NoiseSchedule.Linear(steps, start, end).Beta.ToArray(), Math.Sqrt)),
            "cosine" => NoiseSchedule.Cosine(steps, Option("cosine_s", 8e-3)),
            _ => throw new NotCovered($"the schedule '{name}' is unknown here"),
        };
    }

    private static Tensor Of(long[] times, Func<long, double> value) => tensor(times.Select(value).ToArray(), ScalarType.Float64);
}
