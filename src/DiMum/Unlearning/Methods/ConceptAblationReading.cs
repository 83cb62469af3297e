using DiMum.Diffusion;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// Concept Ablation as published here and in its program, which makes its anchor images before it trains, takes means over all elements, drops no
/// condition, does not clip, and decays weights (AdamW). The benchmark's copy differs from it in numbers and prompts alone.
/// </summary>
/// <param name="Reading">In words.</param>
/// <param name="Repository">repo@commit.</param>
/// <param name="Anchors">How anchor images are made, under conditions that are never dropped; null: they are D_m's.</param>
/// <param name="Reduction">Of both terms.</param>
/// <param name="Clips">Whether gradients are clipped.</param>
/// <param name="Decay">λ of the decoupled decay.</param>
public sealed record ConceptAblationReading(
    string Reading,
    string Repository,
    AnchorImages? Anchors,
    LossReduction Reduction,
    bool Clips,
    double Decay
)
{
    private const string Authors = "concept-ablation@c11fb1b";

    /// <summary>As published.</summary>
    public static ConceptAblationReading Published { get; } =
        new(MethodReading.AsPublished.Text(Authors), Authors, null, LossReduction.SumPerImage, Clips: true, Decay: 0);

    /// <summary>A reading.</summary>
    /// <param name="reading">Which.</param>
    /// <param name="anchors">How a program's anchor images are made.</param>
    public static ConceptAblationReading Of(MethodReading reading, AnchorImages anchors) =>
        reading == MethodReading.AsPublished
            ? Published
            : new(
                reading.Text(Authors),
                reading == MethodReading.AsReleased ? Authors : MethodReadings.UnlearnCanvas,
                anchors,
                LossReduction.MeanAll,
                Clips: false,
                Decay: 1e-2
            );
}
