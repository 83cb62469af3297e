using DiMum.Diffusion;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;

namespace DiMum.Runs;

/// <summary>The unlearning methods by name: one line each.</summary>
public static class MethodRegistry
{
    private static readonly Dictionary<string, Func<MethodSettings, IUnlearningMethod>> Known = new(StringComparer.OrdinalIgnoreCase)
    {
        ["DiMUM"] = s => Published(s, "no code of it was released", new Unlearning.Methods.DiMum(Balance(s, 1, 1))),
        ["SalUn"] = s => new SalUn(Balance(s, 1e-3, 1), AboveZero(s.MaskRatio), MaskGuidance(s)) { Read = SalUnReading.Of(s.Reading) },
        ["SFR-on"] = s => new SfrOn(Balance(s, 1, 10), s.UnlearningDecay, s.Lambda, AboveZero(s.Gamma), MaskGuidance(s))
        {
            Read = NotOfBenchmark(s),
        },
        ["EraseDiff"] = s => new EraseDiff(Balance(s, 1, 0.1), s.InnerPasses, s.AdaptiveMargin) { Loop = EraseDiffLoop.Of(s.Reading) },
        ["Scissorhands"] = s => new Scissorhands(Balance(s, 1, 0.1), s.Sparsity, s.PruneBatches, s.Memories, ProjectEvery(s))
        {
            Read = ScissorhandsReading.Of(s.Reading),
            Trimmed = ParameterSelection.Parse(s.Trimmed),
        },
        ["ESD"] = s => new Esd(Balance(s, 0, 1), s.EraseStrength, Guidance.ByScale(s.StartGuidanceScale), s.DenoisingSteps)
        {
            Latent = Esd.LatentOf(s.Reading),
        },
        ["concept-ablation"] = s => new ConceptAblation(Balance(s, 0, 1), s.AblationTarget)
        {
            Read = ConceptAblationReading.Of(
                s.Reading,
                new(ConceptAblation.AnchorCount, Guidance.ByScale(s.StartGuidanceScale), s.DenoisingSteps)
            ),
        },
        ["gradient-ascent"] = GradientAscent,
        ["fine-tune-retain"] = s => Published(s, "it has no code of its own", new RetainOnly(FromScratch: false)),
        ["bad-teacher"] = s => Published(s, "it was released for classifiers alone", new BadTeacher(Balance(s, 1, 1))),
        ["retrain"] = s => Published(s, "it has no code of its own", new RetainOnly(FromScratch: true)),
    };

    /// <summary>All names.</summary>
    public static IEnumerable<string> Names => Known.Keys;

    /// <summary>The method that <paramref name="settings"/> name.</summary>
    /// <exception cref="UserError">No such method; the message names the nearest.</exception>
    public static IUnlearningMethod Create(MethodSettings settings)
    {
        if (Known.TryGetValue(settings.Name, out var make))
            return make(settings);
        var nearest = Nearest.Of(settings.Name, Names);
        throw new UserError(
            $"unknown method '{settings.Name}'; "
                + (nearest is null ? $"known are {string.Join(", ", Names)}" : $"did you mean '{nearest}'?")
        );
    }

    // The settings' weights, or the method's own.
    private static Balance Balance(MethodSettings s, double retain, double unlearning) =>
        new(s.Retain ?? retain, s.Unlearning ?? unlearning);

    private static Guidance MaskGuidance(MethodSettings s) => Guidance.ByWeight(s.MaskGuidanceWeight);

    private static double? AboveZero(double value) => value > 0 ? value : null;

    private static GradientAscent GradientAscent(MethodSettings s)
    {
        if (NotOfBenchmark(s) == MethodReading.AsPublished)
            return new(Balance(s, 1, 1));
        var balance = Balance(s, 1e-3, 1);
        return new(balance) { Masked = new(balance, AboveZero(s.MaskRatio), MaskGuidance(s)) };
    }

    // The benchmark has the projection, every tenth iteration, and leaves it off.
    private static int ProjectEvery(MethodSettings s) => s.ProjectEvery ?? (s.Reading == MethodReading.AsPublished ? 1 : 0);

    private static MethodReading NotOfBenchmark(MethodSettings s) =>
        s.Reading != MethodReading.AsReleasedInUnlearnCanvas
            ? s.Reading
            : throw MethodReadings.Refused(s.Name, s.Reading, $"{MethodReadings.UnlearnCanvas} has no port of it");

    private static IUnlearningMethod Published(MethodSettings s, string why, IUnlearningMethod method) =>
        s.Reading == MethodReading.AsPublished ? method : throw MethodReadings.Refused(s.Name, s.Reading, why);
}
