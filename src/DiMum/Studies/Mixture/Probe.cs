using DiMum.Data;
using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Studies.Mixture;

/// <summary>
/// How far a network is from the closed form, bin by bin of t, as mean squared distances over fresh points of the mixture. ‖ε_θ − ε*‖² is exactly what a
/// loss has above its floor, without the floor's sampling noise.
/// </summary>
/// <param name="Retain">Eq. (8): ‖ε_θ(c) − ε*(c)‖² on D_r.</param>
/// <param name="Null">‖ε_θ(∅) − ε*(∅)‖² on D.</param>
/// <param name="Forget">The loss that Eq. (5) climbs: ‖ε_θ(c_u) − ε*(c_u)‖² on D_u.</param>
/// <param name="Memorize">Eq. (10): ‖ε_θ(c_u) − ε*(c̃)‖² on D_m.</param>
/// <param name="Relabel">Eq. (6)'s second term, floor 0: ‖ε_θ(c̃) − ε_θ(c_u)‖² on D_u.</param>
/// <param name="Target">How wrong Eq. (6)'s target is where it is asked for: ‖ε_θ(c̃) − ε*(c̃)‖² on D_u.</param>
internal sealed record Distances(double[] Retain, double[] Null, double[] Forget, double[] Memorize, double[] Relabel, double[] Target);

/// <summary>Fixed fresh draws of a mixture, and the distances of networks on them.</summary>
internal sealed class Probe : IDisposable
{
    /// <summary>Bins of t: [0, 10), [10, 30) … [800, 1000).</summary>
    public static readonly IReadOnlyList<int> Edges = [0, 10, 30, 100, 200, 400, 600, 800, 1000];

    private const int PerBin = 512;
    private readonly MixtureOptimum optimum;
    private readonly Draws all;
    private readonly Draws retain;
    private readonly Draws forget;
    private readonly Draws memorize;
    private readonly int unlearned;
    private readonly int alternative;

    private sealed record Draws(Tensor Noised, Tensor Time, Tensor Labels);

    /// <param name="mixture">The data's law.</param>
    /// <param name="schedule">Of T = 1000.</param>
    /// <param name="unlearned">u.</param>
    /// <param name="alternative">c̃.</param>
    /// <param name="seed">Of the draws.</param>
    public Probe(GaussianMixture mixture, NoiseSchedule schedule, int unlearned, int alternative, Seed seed)
    {
        (this.unlearned, this.alternative) = (unlearned, alternative);
        optimum = new(mixture, schedule);
        Draws Of(string purpose, Func<int, int> label)
        {
            using var scope = NewDisposeScope();
            using var generator = seed.At(purpose).Generator();
            var labels = Enumerable.Range(0, Bins * PerBin).Select(i => (long)label(i)).ToArray();
            var points = mixture.Points(labels, generator);
            var time = cat([
                .. Enumerable.Range(0, Bins).Select(b => randint(Edges[b], Edges[b + 1], PerBin, ScalarType.Int64, generator: generator)),
            ]);
            var noise = randn(points.shape, ScalarType.Float32, generator: generator);
            return new(
                ForwardProcess.Noised(schedule, points, time, noise).DetachFromDisposeScope(),
                time.DetachFromDisposeScope(),
                tensor(labels, ScalarType.Int64).DetachFromDisposeScope()
            );
        }

        int Retained(int i) => i % (mixture.Components - 1) is var k && k < unlearned ? k : k + 1;
        all = Of("all", i => i % mixture.Components);
        retain = Of("retain", Retained);
        forget = Of("forget", _ => unlearned);
        memorize = Of("memorize", _ => alternative);
        Floor = [.. Enumerable.Range(0, Bins).Select(b => Enumerable.Range(Edges[b], Edges[b + 1] - Edges[b]).Average(optimum.Floor))];
        using var floors = optimum.FloorAt(all.Noised, all.Time);
        NullFloor = PerBins(floors);
    }

    public static int Bins => Edges.Count - 1;

    /// <summary>The least loss under a class, exact.</summary>
    public double[] Floor { get; }

    /// <summary>The least loss under ∅, a mean over these draws.</summary>
    public double[] NullFloor { get; }

    /// <summary>The mean over t ~ U{0…T−1} of a quantity given by bins.</summary>
    public static double OverTime(double[] bins) => bins.Select((v, b) => v * (Edges[b + 1] - Edges[b])).Sum() / Edges[^1];

    /// <summary>The distances of a network on these draws.</summary>
    public Distances Of(IDenoiser network)
    {
        using var evaluation = new EvaluationMode(network);
        using var none = no_grad();
        return new(
            Distance(retain, Own(network, retain), Own(optimum, retain)),
            Distance(all, Nothing(network, all), Nothing(optimum, all)),
            Distance(forget, Under(network, forget, unlearned), Own(optimum, forget)),
            Distance(memorize, Under(network, memorize, unlearned), Own(optimum, memorize)),
            Distance(forget, Under(network, forget, alternative), Under(network, forget, unlearned)),
            Distance(forget, Under(network, forget, alternative), Under(optimum, forget, alternative))
        );
    }

    public void Dispose()
    {
        foreach (var draws in new[] { all, retain, forget, memorize })
        {
            draws.Noised.Dispose();
            draws.Time.Dispose();
            draws.Labels.Dispose();
        }
    }

    private static Func<Tensor> Own(IDenoiser network, Draws d) => () => network.Predict(d.Noised, d.Time, new(d.Labels));

    private static Func<Tensor> Under(IDenoiser network, Draws d, int label) =>
        () => network.Predict(d.Noised, d.Time, new(full_like(d.Labels, label)));

    private static Func<Tensor> Nothing(IDenoiser network, Draws d) =>
        () => network.Predict(d.Noised, d.Time, new(d.Labels, zeros(d.Labels.shape[0], ScalarType.Bool)));

    private static double[] Distance(Draws draws, Func<Tensor> first, Func<Tensor> second)
    {
        using var scope = NewDisposeScope();
        return PerBins((first() - second()).to(ScalarType.Float64).square().flatten(1).sum(1));
    }

    private static double[] PerBins(Tensor perDraw)
    {
        using var scope = NewDisposeScope();
        return perDraw.view(Bins, PerBin).mean([1]).data<double>().ToArray();
    }
}
