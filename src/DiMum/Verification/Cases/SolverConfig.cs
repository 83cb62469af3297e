using System.Text.Json;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;

namespace DiMum.Verification.Cases;

/// <summary>Solvers from diffusers' configurations; what a configuration leaves out has diffusers' default.</summary>
internal static class SolverConfig
{
    // Options that are built in one way only; any other value leaves a case pending.
    private static readonly Dictionary<string, string[]> Built = new()
    {
        ["trained_betas"] = [""],
        ["rescale_betas_zero_snr"] = ["False"],
        ["use_exponential_sigmas"] = ["False"],
        ["use_beta_sigmas"] = ["False"],
        ["use_flow_sigmas"] = ["False"],
        ["use_dynamic_shifting"] = ["False"],
        ["time_shift_type"] = ["exponential"],
        ["flow_shift"] = ["1", "1.0"],
        ["shift_terminal"] = [""],
        ["algorithm_type"] = ["dpmsolver++"],
        ["lambda_min_clipped"] = ["-inf"],
        ["interpolation_type"] = ["linear"],
        ["timestep_type"] = ["discrete"],
        ["sigma_min"] = [""],
        ["sigma_max"] = [""],
        ["predict_x0"] = ["True"],
        ["disable_corrector"] = ["[]"],
        ["solver_p"] = [""],
    };

    /// <summary>The solver of a scheduler's name and configuration.</summary>
    /// <param name="scheduler">diffusers' class name; its parallel variants give the same numbers.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="steps">S; null where the times were never set.</param>
    /// <param name="eta">η of the step, where there is one.</param>
    /// <param name="singlePrecision">Tables in float32, as the loops had them.</param>
    public static Solver Of(string scheduler, GoldenNode config, int? steps, double eta, bool singlePrecision = false)
    {
        foreach (var (name, node) in config.Members())
            if (Built.TryGetValue(name, out var values) && !values.Contains(node.Use().Element.ToString()))
                throw new NotCovered($"{node.Path}: only {values[0]} is built here");
        var options = new Options(config);
        var schedule = singlePrecision ? options.Schedule().InSinglePrecision() : options.Schedule();
        var n = steps ?? schedule.Steps;
        return scheduler.Replace("Parallel", "", StringComparison.Ordinal) switch
        {
            "DDIMScheduler" => DdimSolver.AsDiffusers(
                schedule,
                n,
                eta,
                options.Reading(clips: true),
                options.Spacing("leading"),
                options.Offset,
                options.Flag("set_alpha_to_one", true)
            ),
            "DDIMInverseScheduler" => new DdimInversion(
                schedule,
                n,
                options.Reading(clips: true),
                options.Spacing("leading"),
                options.Offset,
                options.Flag("set_alpha_to_one", true)
            ),
            "DDPMScheduler" => new AncestralSolver(
                schedule,
                steps,
                options.Reading(clips: true),
                options.Variance(),
                options.Spacing("leading"),
                options.Offset
            ),
            "PNDMScheduler" => PndmSolver.AsDiffusers(
                schedule,
                n,
                options.Flag("skip_prk_steps", false),
                options.Reading(clips: false).Prediction,
                options.Spacing("leading"),
                options.Offset,
                options.Flag("set_alpha_to_one", false)
            ),
            "EulerDiscreteScheduler" => new EulerSolver(options.Real(schedule, n), options.Reading(clips: false)),
            "EulerAncestralDiscreteScheduler" => new EulerAncestralSolver(options.Real(schedule, n), options.Reading(clips: false)),
            "HeunDiscreteScheduler" => new HeunSolver(options.Real(schedule, n), options.Reading(clips: false)),
            "LMSDiscreteScheduler" => new LmsSolver(options.Real(schedule, n), options.Reading(clips: false)),
            "DPMSolverMultistepScheduler" => new DpmMultistepSolver(
                options.Integer(schedule, n),
                options.Reading(clips: false),
                options.Order,
                options.Text("solver_type", "midpoint") == "heun",
                options.Flag("lower_order_final", true),
                options.Flag("euler_at_final", false)
            ),
            "DPMSolverSinglestepScheduler" => new DpmSinglestepSolver(
                options.Integer(schedule, n),
                options.Reading(clips: false),
                options.Order,
                options.Text("solver_type", "midpoint") == "heun",
                options.Flag("lower_order_final", false)
            ),
            "UniPCMultistepScheduler" => new UniPcSolver(
                options.Integer(schedule, n),
                options.Reading(clips: false),
                options.Order,
                options.Text("solver_type", "bh2") == "bh2",
                options.Flag("lower_order_final", true)
            ),
            _ => throw new NotCovered($"the scheduler '{scheduler}' is unknown here"),
        };
    }

    /// <summary>The schedule of a configuration.</summary>
    public static NoiseSchedule Schedule(GoldenNode config) => new Options(config).Schedule();

    private sealed class Options(GoldenNode config)
    {
        public int Offset => (int)(config.Find("steps_offset")?.Integer() ?? 0);

        public int Order => (int)(config.Find("solver_order")?.Integer() ?? 2);

        public bool Flag(string name, bool otherwise) => config.Find(name)?.Flag() ?? otherwise;

        public string Text(string name, string otherwise) => config.Find(name)?.Text() ?? otherwise;

        public NoiseSchedule Schedule()
        {
            var steps = (int)(config.Find("num_train_timesteps")?.Integer() ?? 1000);
            var (start, end) = (config.Find("beta_start")?.Number() ?? 1e-4, config.Find("beta_end")?.Number() ?? 0.02);
            return Text("beta_schedule", "linear") switch
            {
                "linear" => NoiseSchedule.Linear(steps, start, end),
                "scaled_linear" => NoiseSchedule.ScaledLinear(steps, start, end),
                "squaredcos_cap_v2" => NoiseSchedule.Cosine(steps),
                var other => throw new NotCovered($"{config.Path}: the schedule '{other}' is unknown here"),
            };
        }

        public TimeSpacing Spacing(string otherwise) =>
            Text("timestep_spacing", otherwise) switch
            {
                "linspace" => TimeSpacing.Linspace,
                "leading" => TimeSpacing.Leading,
                "trailing" => TimeSpacing.Trailing,
                var other => throw new NotCovered($"{config.Path}: the spacing '{other}' is unknown here"),
            };

        // DDIM and DDPM clip unless told otherwise.
        public OutputReading Reading(bool clips)
        {
            var prediction = Text("prediction_type", "epsilon") switch
            {
                "epsilon" => Prediction.Noise,
                "v_prediction" => Prediction.Velocity,
                "sample" => Prediction.Clean,
                var other => throw new NotCovered($"{config.Path}: the prediction '{other}' is unknown here"),
            };
            var range = config.Find("clip_sample_range")?.Number() ?? 1;
            var (quantile, maximum) = (
                config.Find("dynamic_thresholding_ratio")?.Number() ?? 0.995,
                config.Find("sample_max_value")?.Number() ?? 1
            );
            var threshold = Flag("thresholding", false);
            var clip = Flag("clip_sample", clips);
            return new(prediction, clip && !threshold ? range : null, threshold ? (quantile, maximum) : null);
        }

        public ReverseVariance Variance() =>
            Text("variance_type", "fixed_small") switch
            {
                "fixed_small" => ReverseVariance.Small,
                "fixed_large" => ReverseVariance.Large,
                var other => throw new NotCovered($"{config.Path}: the variance '{other}' is unknown here"),
            };

        public SigmaSteps Real(NoiseSchedule schedule, int steps) =>
            SigmaSteps.Real(schedule, steps, Spacing("linspace"), Offset, Sigmas(), EndsAtZero());

        public SigmaSteps Integer(NoiseSchedule schedule, int steps)
        {
            if (Sigmas() != SigmaSpacing.Times && config.Find("beta_schedule")?.Element.ValueEquals("squaredcos_cap_v2") == true)
                throw new NotCovered($"{config.Path}: spaced levels of the cosine schedule are not built here");
            return SigmaSteps.Integer(schedule, steps, Spacing("linspace"), Offset, Sigmas(), EndsAtZero());
        }

        private SigmaSpacing Sigmas()
        {
            var (karras, logUniform) = (Flag("use_karras_sigmas", false), Flag("use_lu_lambdas", false));
            return karras ? SigmaSpacing.Karras
                : logUniform ? SigmaSpacing.LogUniform
                : SigmaSpacing.Times;
        }

        private bool EndsAtZero() => Text("final_sigmas_type", "zero") == "zero";
    }
}

/// <summary>Times as files list them: all, or the first and the last ones.</summary>
internal static class TimeLists
{
    public static void Compare(Checker check, GoldenNode? want, IReadOnlyList<double> got)
    {
        // Real times are interpolated in float32 logarithms, hence 1e-5 of the largest; whole ones are exact.
        var error = got.All(t => t == Math.Floor(t)) ? 0 : 1e-5 * got.Max();
        if (want is not { } node)
            return;
        if (node.Element.ValueKind == JsonValueKind.Array)
        {
            check.Numbers(node, got, error);
            return;
        }

        var (first, last) = (node["first"], node["last"]);
        check.Numbers(first, [.. got.Take(first.Items().Count)], error);
        check.Numbers(last, [.. got.TakeLast(last.Items().Count)], error);
    }
}
