using DiMum.Diffusion;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// EraseDiff's loop as published and in its two released programs. A pass is one batch as published, one reading of D_u as released. A section
/// is some inner passes, the restore, and an outer pass; a round is the sections that restore the same weights.
/// </summary>
/// <param name="Reading">In words.</param>
/// <param name="Repository">repo@commit.</param>
/// <param name="WholePasses">Whether a pass reads all of D_u.</param>
/// <param name="OuterAfterEachPass">
/// Whether the restore and the outer pass follow every inner pass, so that the next restore discards the outer pass before it (the benchmark's
/// copy); else K inner passes come first.
/// </param>
/// <param name="SharedMoments">Whether the inner steps go through the outer Adam and leave their moments in it.</param>
/// <param name="ClipsInner">Whether inner gradients are clipped.</param>
/// <param name="SharesTime">Whether the outer unlearning term takes the retain batch's times.</param>
/// <param name="DropsRetain">Whether conditions of the retain term are dropped.</param>
/// <param name="Reduction">Of both terms.</param>
/// <param name="Benign">Where c̃ comes from.</param>
/// <param name="Loader">How data are read.</param>
/// <param name="Clips">Whether outer gradients are clipped.</param>
public sealed record EraseDiffLoop(
    string Reading,
    string Repository,
    bool WholePasses,
    bool OuterAfterEachPass,
    bool SharedMoments,
    bool ClipsInner,
    bool SharesTime,
    bool DropsRetain,
    LossReduction Reduction,
    BenignCondition Benign,
    Loader Loader,
    bool Clips
)
{
    private const string Authors = "EraseDiff@14f4e98";

    public static EraseDiffLoop Of(MethodReading reading)
    {
        var published = new EraseDiffLoop(
            reading.Text(Authors + ", with the criterion that it never defines and every class allowed"),
            Authors,
            WholePasses: false,
            OuterAfterEachPass: false,
            SharedMoments: false,
            ClipsInner: true,
            SharesTime: false,
            DropsRetain: true,
            LossReduction.SumPerImage,
            BenignCondition.Alternative,
            Loader.Shuffled,
            Clips: true
        );
        var released = published with
        {
            WholePasses = true,
            SharedMoments = true,
            ClipsInner = false,
            SharesTime = true,
            DropsRetain = false,
            Reduction = LossReduction.MeanAll,
            Benign = BenignCondition.OneForTheBatch,
        };
        return reading switch
        {
            MethodReading.AsPublished => published,
            MethodReading.AsReleased => released,
            _ => released with
            {
                Repository = MethodReadings.UnlearnCanvas,
                OuterAfterEachPass = true,
                SharesTime = false,
                DropsRetain = true,
                Benign = BenignCondition.OfRetainBatch,
                Loader = Loader.FirstBatch,
                Clips = false,
            },
        };
    }
}
