using DiMum.Diffusion;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// SalUn as published and in its two released programs. The CIFAR-10 program differs in its loader alone (mirroring drawn once, the last batch of an epoch smaller); the benchmark's copy tests a
/// name against tensors, so its mask (which selects the smallest gradients) is never applied, and its loaders give the first batch at every step.
/// </summary>
/// <param name="Reading">In words.</param>
/// <param name="Repository">repo@commit.</param>
/// <param name="Masks">Whether the mask reaches the gradient.</param>
/// <param name="RetainReduction">Of the retain term.</param>
/// <param name="Relabelling">The unlearning term.</param>
/// <param name="Loader">How data are read.</param>
/// <param name="Clips">Whether gradients are clipped.</param>
public sealed record SalUnReading(
    string Reading,
    string Repository,
    bool Masks,
    LossReduction RetainReduction,
    Relabelling Relabelling,
    Loader Loader,
    bool Clips
)
{
    private const string Authors = "Unlearn-Saliency@a6e89fd";

    public static SalUnReading Of(MethodReading reading)
    {
        var published = new SalUnReading(
            reading.Text(Authors),
            Authors,
            Masks: true,
            LossReduction.SumPerImage,
            new(LossReduction.MeanAll),
            Loader.Shuffled,
            Clips: true
        );
        return reading switch
        {
            MethodReading.AsPublished => published,
            MethodReading.AsReleased => published with { Loader = Loader.WholeEpochs },
            _ => published with
            {
                Repository = MethodReadings.UnlearnCanvas,
                Masks = false,
                RetainReduction = LossReduction.MeanAll,
                Relabelling = new(LossReduction.MeanAll, BenignCondition.OfRetainBatch),
                Loader = Loader.FirstBatch,
                Clips = false,
            },
        };
    }
}
