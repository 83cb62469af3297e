using System.Xml.Linq;
using static DiMum.Runs.Report.Html;

namespace DiMum.Runs.Report;

/// <summary>
/// The pictures themselves (the paper's Figs. 3 and 4; of styles Figs. 8 and 9): real data, the pre-trained model, each method's model, and the unlearned class
/// along each attack.
/// </summary>
internal static class Samples
{
    private const int GridWidth = 320;
    private const int StripWidth = 560;

    public static XElement Section(RunResults run, string folder) =>
        El(
            "section",
            El("h2", "Samples"),
            P(
                $"In every grid one row is one class, labelled at its left; {Labels.Unlearned(run)}, the class to be forgotten, is marked. "
                    + "Strips show what the model draws when asked for it, at steps of the attack."
            ),
            El(
                "div",
                Class("pair"),
                Grid(run, folder, run.RealSamples, "Real training images"),
                Grid(run, folder, run.Pretrained.Grid, "Pre-trained model"),
                run.Methods.Where(IsBareReference).Select(m => Grid(run, folder, m.Final.Grid, "Retrained without the class"))
            ),
            run.Methods.Count == 0 ? El("p", Class("absent"), "No unlearning method has been run yet.") : null,
            run.Methods.Where(m => !IsBareReference(m)).Select(method => Method(run, folder, method))
        );

    private static bool IsBareReference(MethodResult method) => method.Name == Labels.Retrain && method.Attacks.Count == 0;

    private static XElement Method(RunResults run, string folder, MethodResult method) =>
        El(
            "article",
            Class("method"),
            El("h3", Swatch(MethodLook.Of(run, method)), Labels.Method(run, method), " ", El("small", method.Reading)),
            El(
                "div",
                Class("method-body"),
                Grid(run, folder, method.Final.Grid, method.Name == Labels.Retrain ? "Retrained without the class" : "After unlearning"),
                El(
                    "div",
                    Class("strips"),
                    method.Attacks.Count == 0 ? El("p", Class("absent"), "Not attacked yet.") : null,
                    method.Attacks.Select(attack => Strips(run, folder, method, attack))
                )
            )
        );

    private static XElement Strips(RunResults run, string folder, MethodResult method, AttackResult attack) =>
        El(
            "figure",
            Class("strip"),
            El(
                "figcaption",
                El("strong", $"Attack {attack.Assumption}"),
                $": asked for {Labels.Unlearned(run)} while training on {Labels.AuxiliaryData(attack.Assumption)}"
            ),
            attack.Curve.Select(e =>
                El(
                    "div",
                    Class("step"),
                    El("span", $"step {Numbers.Count(e.Step)}", El("b", Numbers.Percent(e.ArUnlearned.Value))),
                    Pictures.Samples(
                        folder,
                        e.Strip,
                        $"{Labels.Method(run, method)} asked for {Labels.Unlearned(run)} after {Numbers.Count(e.Step)} steps of attack "
                            + $"{attack.Assumption}",
                        StripWidth
                    )
                )
            )
        );

    private static XElement Grid(RunResults run, string folder, string? path, string title)
    {
        XElement picture = Pictures.Samples(folder, path, $"{title}: a few samples of each class", GridWidth);
        return El(
            "figure",
            Class("grid"),
            El("figcaption", El("strong", title)),
            picture.Name == "img" ? El("div", Class("rows"), RowLabels(run), picture) : picture
        );
    }

    private static XElement RowLabels(RunResults run) =>
        El(
            "div",
            Class("labels"),
            run.ClassNames.Select((name, i) => El("span", i == run.UnlearnedClass ? Class("unlearned") : null, name))
        );

    /// <summary>A dot in the method's colour.</summary>
    public static XElement Swatch(MethodLook look) => El("span", Class("swatch"), At("style", $"background:{look.Hex}"));
}
