using DiMum.Diffusion;

namespace DiMum.StableDiffusion;

/// <summary>The noise schedule a model was trained with, as <c>scheduler/scheduler_config.json</c> keeps it. Defaults are Stable Diffusion v1.5's.</summary>
/// <param name="ClassName">The sampler that diffusers would choose; kept, not used: samplers are chosen by the experiment.</param>
/// <param name="BetaSchedule">linear, scaled_linear or squaredcos_cap_v2.</param>
/// <param name="BetaStart">β₀.</param>
/// <param name="BetaEnd">β_{T−1}.</param>
/// <param name="Steps">T.</param>
/// <param name="StepsOffset">What diffusers adds to every visited time.</param>
public sealed record SchedulerConfig(
    string ClassName = "PNDMScheduler",
    string BetaSchedule = "scaled_linear",
    double BetaStart = 0.00085,
    double BetaEnd = 0.012,
    int Steps = 1000,
    int StepsOffset = 1
)
{
    /// <summary>β_t and what follows from it.</summary>
    public NoiseSchedule Schedule =>
        BetaSchedule switch
        {
            "linear" => NoiseSchedule.Linear(Steps, BetaStart, BetaEnd),
            "scaled_linear" => NoiseSchedule.ScaledLinear(Steps, BetaStart, BetaEnd),
            "squaredcos_cap_v2" => NoiseSchedule.Cosine(Steps),
            _ => throw new UserError(
                $"scheduler: beta_schedule is '{BetaSchedule}'; known are linear, scaled_linear and squaredcos_cap_v2"
            ),
        };
}
