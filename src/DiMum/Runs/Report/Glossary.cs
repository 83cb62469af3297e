using System.Xml.Linq;
using static DiMum.Runs.Report.Html;

namespace DiMum.Runs.Report;

/// <summary>"How to read this": the few words one needs.</summary>
internal static class Glossary
{
    private static readonly (string Term, string Meaning)[] Terms =
    [
        (
            "Unlearning",
            "training a finished model a little further so that it no longer draws one class, while it still draws the others "
                + "(the retained classes)."
        ),
        (
            "DiMRA",
            "the attack: someone who has the unlearned model trains it further on harmless images that do not show the class at all. "
                + "If the class returns, it was hidden rather than removed."
        ),
        ("Attack i (assumption i)", "the attacker has the retain set, that is the training images without the class."),
        ("Attack ii-a (assumption ii-a)", "the attacker has other real images of the retained classes (the test split without the class)."),
        (
            "Attack ii-b (assumption ii-b)",
            "the attacker has no real images, only ones that the pre-trained model made of the retained classes."
        ),
        (
            "AR_u",
            "accuracy rate after unlearning: of the images drawn when asked for the unlearned class, the share that a classifier takes "
                + "for that class. 0 % is perfect forgetting; "
                + "a model that draws any class at random would get about one in the number of classes."
        ),
        ("AR_a", "the same rate during or after the attack. High means the class came back. The mark for “came back” here is 10 %."),
        (
            "Retained accuracy",
            "the same question for the other classes: asked for one of them, how often does the model draw it? High is good."
        ),
        (
            "Fréchet distance",
            "how far the drawn retained classes are from real ones, as distributions of the features of this run’s own classifier. "
                + "Lower is better. This is not FID: FID uses the Inception network, and the two numbers do not compare."
        ),
        (
            "95 % interval",
            "the range of true rates that fits the count on n images. Two methods whose intervals overlap are not told apart here."
        ),
    ];

    public static XElement Section() =>
        El(
            "section",
            El("h2", "How to read this"),
            El("dl", Terms.Select(t => El("div", El("dt", Prose(t.Term)), El("dd", Prose(t.Meaning)))))
        );
}
