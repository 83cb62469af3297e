using DiMum.Nets;
using DiMum.Profiling;
using TorchSharp;

namespace DiMum.Runs;

/// <summary>What <c>dimum profile</c> is asked.</summary>
/// <param name="What">A preset, an experiment's YAML file, <c>sd-1.5</c> or a diffusers <c>config.json</c>.</param>
/// <param name="Settings">As <c>--set</c>.</param>
/// <param name="Device">cpu, cuda or cuda:N; null takes the experiment's.</param>
/// <param name="Precision">fp32 or bf16; null takes the experiment's.</param>
/// <param name="BatchSize">B; null takes pre-training's.</param>
/// <param name="Side">H = W of Stable Diffusion's latents.</param>
/// <param name="Repeats">Steps measured.</param>
/// <param name="Threads">Of one operation; null takes the experiment's, or all cores.</param>
public sealed record ProfileRequest(
    string What,
    IReadOnlyList<string> Settings,
    string? Device,
    string? Precision,
    int? BatchSize,
    int? Side,
    int Repeats,
    int? Threads = null
);

/// <summary>A profile with what it was made on.</summary>
internal sealed record NetworkProfile(
    string Format,
    string What,
    string Network,
    long Parameters,
    int BatchSize,
    Precision Precision,
    string Device,
    Machine Machine,
    Ceilings Ceilings,
    double PlainSeconds,
    double ProbedSeconds,
    StepCounts Counts,
    IReadOnlyList<Phase> Phases,
    IReadOnlyList<ModuleTime> Modules
)
{
    /// <summary>Profiles a step; the trace of it is <see cref="TraceFile"/>'s.</summary>
    /// <param name="request">What, and how often.</param>
    /// <param name="known">The ceilings, where they need not be measured.</param>
    /// <param name="warmUpSeconds">Of steps that are not measured.</param>
    /// <param name="cancel">Checked before every step.</param>
    public static (NetworkProfile Profile, StepProfile Step) Measure(
        ProfileRequest request,
        Ceilings? known = null,
        double warmUpSeconds = 1.5,
        CancellationToken cancel = default
    )
    {
        if (request.Repeats < 1)
            throw new UserError($"--steps {request.Repeats}: expected at least 1");
        if (request.Threads < 1)
            throw new UserError($"--threads {request.Threads}: expected at least 1");
        if (request.BatchSize < 1)
            throw new UserError($"--batch {request.BatchSize}: expected at least 1");
        if (request.Side < 1)
            throw new UserError($"--side {request.Side}: expected at least 1");
        NativeHeap.Keep();
        var (network, precision, device) = Open(request);
        using var opened = network;
        var ceilings = known ?? Ceilings.Measure(network.Model.Device, precision);
        var step = new StepProfiler(network.Model, network.Schedule, network.Batch, network.Updates, network.Averages).Run(
            request.Repeats,
            ceilings,
            warmUpSeconds,
            cancel
        );
        var profile = new NetworkProfile(
            "dimum-profile-1",
            request.What,
            network.Shape,
            network.Model.Parameters.Count,
            network.BatchSize,
            precision,
            device,
            Machine.Here(),
            ceilings,
            step.PlainSeconds,
            step.Seconds,
            step.Counts,
            step.Phases,
            step.Modules
        );
        return (profile, step);
    }

    private static (ProfiledNetwork, Precision, string Device) Open(ProfileRequest request)
    {
        if (request.What == ProfiledNetwork.StableDiffusion || request.What.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
        {
            if (request.Precision is not (null or "fp32"))
                throw new UserError($"--precision {request.Precision}: Stable Diffusion's U-Net is computed in fp32 only");
            if (request.Settings.Count > 0)
                throw new UserError($"--set {request.Settings[0]}: {request.What} is no experiment; it has --batch and --side alone");
            var name = request.Device ?? "cpu";
            var device = Devices.Parse(name);
            torch.set_num_threads(request.Threads ?? Environment.ProcessorCount);
            return (ProfiledNetwork.OfStableDiffusion(request.What, device, request.BatchSize, request.Side), Precision.Fp32, name);
        }

        if (request.Side is not null)
            throw new UserError("--side is of Stable Diffusion's latents; an experiment's images have --set data.size=N");
        var settings = request.Settings.ToList();
        if (request.Device is { } d)
            settings.Add($"device={d}");
        if (request.Precision is { } p)
            settings.Add($"precision={p}");
        if (request.Threads is { } t)
            settings.Add(FormattableString.Invariant($"threads={t}"));
        var experiment = Presets.Load(request.What, settings);
        return (ProfiledNetwork.Of(experiment, request.BatchSize), experiment.Precision, experiment.Device);
    }
}
