using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Optimization;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Profiling;

/// <summary>
/// A training step on Eq. (4), as the trainer takes it, under the probe: data, forward, backward, update. Steps with and without the probe alternate,
/// so that both are of the same minutes; the one of median time is what is shown, so that its parts add up.
/// </summary>
/// <param name="model">ε_θ; trained on the way.</param>
/// <param name="schedule">ᾱ_t.</param>
/// <param name="batch">The batch of a step; inside the step's dispose scope.</param>
/// <param name="updates">Whether the step ends with the optimiser's.</param>
/// <param name="averages">Whether a moving average is kept.</param>
internal sealed class StepProfiler(
    ITrainableDenoiser model,
    NoiseSchedule schedule,
    Func<int, NoisedBatch> batch,
    bool updates,
    bool averages
)
{
    private const int WarmUp = 2;
    private const double Rate = 1e-6;
    private readonly Clock clock = new(model.Device);

    /// <param name="repeats">Steps of either kind that are measured.</param>
    /// <param name="ceilings">What the modules are held against; null for no such shares.</param>
    /// <param name="warmUpSeconds">Of steps before those that are measured; code that runs every step is compiled for good by then.</param>
    /// <param name="cancel">Checked before every step.</param>
    public StepProfile Run(int repeats, Ceilings? ceilings, double warmUpSeconds = 1.5, CancellationToken cancel = default)
    {
        using var adam = updates ? new Adam(model.Parameters) : null;
        using var average = updates && averages ? new Ema(model.Parameters, 0.999) : null;
        model.Training = true;
        var number = 0;
        IReadOnlyList<Phase> Once()
        {
            cancel.ThrowIfCancellationRequested();
            return Step(number++, adam, average);
        }

        var begin = clock.Now;
        for (var i = 0; i < WarmUp || clock.Now - begin < warmUpSeconds; i++)
            Once();
        var plain = new List<double>();
        var probed = new List<(IReadOnlyList<Phase> Phases, ModuleProbe Probe)>();
        for (var i = 0; i < repeats; i++)
        {
            plain.Add(Length(Once()));
            var probe = new ModuleProbe(clock);
            model.Parameters.Probe = probe;
            try
            {
                var phases = Once();
                probe.Close(phases.Single(p => p.Name == Backward).End);
                probed.Add((phases, probe));
            }
            finally
            {
                model.Parameters.Probe = null;
            }
        }

        var counts = StepCounts.Of(() => Once());
        var (shown, watched) = probed.OrderBy(p => Length(p.Phases)).ElementAt(repeats / 2);
        return new(
            shown,
            watched.Visits,
            ModuleTimes.Of(watched.Visits, model.Parameters, ceilings),
            plain.Order().ElementAt(repeats / 2),
            counts
        );
    }

    public const string Data = "data";
    public const string Forward = "forward and loss";
    public const string Backward = "backward";
    public const string Update = "clip, Adam, average";

    private IReadOnlyList<Phase> Step(int number, Adam? adam, Ema? average)
    {
        using var scope = NewDisposeScope();
        var phases = new List<Phase>(4);
        var since = clock.Now;
        void Done(string name) => phases.Add(new(name, since, since = clock.Now));

        model.SeedDropout(new Seed(1).At("dropout", number));
        model.Parameters.ZeroGradient();
        var drawn = batch(number);
        Done(Data);
        var loss = EpsilonLoss.Of(model, schedule, drawn);
        Done(Forward);
        loss.backward();
        Done(Backward);
        if (adam is null)
            return phases;
        var factor = GradientTransform.Factor(GradientTransform.Norm(model.Parameters.Gradient), 1);
        adam.Step(Rate, factor, average);
        Done(Update);
        return phases;
    }

    private static double Length(IReadOnlyList<Phase> phases) => phases[^1].End - phases[0].Begin;
}
