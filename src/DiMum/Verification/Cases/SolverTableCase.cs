using DiMum.Diffusion;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>β and ᾱ of a schedule at some times, noised images and velocities.</summary>
internal static class SolverTableCase
{
    private const double Single = 1e-6; // float32 tables differ by up to half of this from float64
    private const double Double = 1e-14;

    public static void Run(CaseRun run)
    {
        using var none = no_grad();
        var (tables, inputs) = (run.File.Expected("tables"), run.File.Root["inputs"]);
        var schedule = SolverConfig.Schedule(run.File.Root["config"]);
        var index = tables["index"].Integers();
        var (beta, alphaBar) = (schedule.Beta.ToArray(), schedule.AlphaBar.ToArray());
        foreach (var (kind, error) in new[] { ("f32", Single), ("f64", Double) })
        {
            run.Check.Numbers(tables[$"betas_{kind}"], [.. index.Select(t => beta[t])], error);
            run.Check.Numbers(tables[$"alphas_cumprod_{kind}"], [.. index.Select(t => alphaBar[t])], error);
            run.Check.Number(tables[$"betas_{kind}_sum"], beta.Sum(), error * schedule.Steps);
            run.Check.Number(tables[$"alphas_cumprod_{kind}_sum"], alphaBar.Sum(), error * schedule.Steps);
        }

        tables.Find("max_abs_difference_f32_f64_alphas_cumprod")?.Use(); // between the authors' two tables
        var (clean, noise) = (SdPart.Input(run, inputs["x0"]), SdPart.Input(run, inputs["noise"]));
        var times = run.Tensor(inputs["timesteps"].Integers());
        var outputs = run.File.Outputs;
        var noised = ForwardProcess.Noised(schedule, clean, times, noise);
        SdPart.Compare(run, outputs["add_noise"], noised, SdPart.Tolerance(run, "add_noise"));
        // v = √ᾱ·ε − √(1−ᾱ)·x₀ is the forward process of (ε, −x₀).
        var velocity = ForwardProcess.Noised(schedule, noise, times, -clean);
        SdPart.Compare(run, outputs["velocity"], velocity, SdPart.Tolerance(run, "velocity"));
    }
}
