using DiMum.Diffusion;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;

namespace DiMum.Runs;

/// <summary>The unlearning methods by name: one line each.</summary>
public static class MethodRegistry
{
    private static readonly Dictionary<string, Func<MethodSettings, IUnlearningMethod>> Known = new(StringComparer.OrdinalIgnoreCase)
    {
        ["DiMUM"] = s => new Unlearning.Methods.DiMum(Balance(s)),
        ["SalUn"] = s => new SalUn(Balance(s), s.MaskRatio > 0 ? s.MaskRatio : null, Guidance.ByWeight(s.MaskGuidanceWeight)),
        ["SFR-on"] = s => new SfrOn(
            Balance(s),
            s.UnlearningDecay,
            s.Lambda,
            s.Gamma > 0 ? s.Gamma : null,
            Guidance.ByWeight(s.MaskGuidanceWeight)
        ),
        ["gradient-ascent"] = s => new GradientAscent(Balance(s)),
        ["fine-tune-retain"] = _ => new RetainOnly(FromScratch: false),
        ["retrain"] = _ => new RetainOnly(FromScratch: true),
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

    private static Balance Balance(MethodSettings s) => new(s.Retain, s.Unlearning);
}
