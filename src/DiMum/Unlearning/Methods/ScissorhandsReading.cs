using DiMum.Diffusion;
using DiMum.Nets;
using static TorchSharp.torch;

namespace DiMum.Unlearning.Methods;

/// <summary>
/// Scissorhands as published and in the benchmark's copy. The authors released classification and Stable Diffusion programs and no
/// class-conditional one, and their diffusion programs never call the projection, so that reading is refused.
/// </summary>
/// <param name="Reading">In words.</param>
/// <param name="Repository">repo@commit.</param>
/// <param name="Relabelling">The unlearning term; the retain term is reduced alike.</param>
/// <param name="Fresh">θ_new of a parameter.</param>
/// <param name="CountsFromPass">Whether iterations are counted anew from every pass of D_u when it is asked which ones project.</param>
/// <param name="Loader">How data are read.</param>
/// <param name="Clips">Whether gradients are clipped.</param>
public sealed record ScissorhandsReading(
    string Reading,
    string Repository,
    Relabelling Relabelling,
    Func<Parameter, Generator, Tensor> Fresh,
    bool CountsFromPass,
    Loader Loader,
    bool Clips
)
{
    private const string Authors = "Scissorhands@73ae065";

    public static ScissorhandsReading Of(MethodReading reading)
    {
        var text = reading.Text(Authors);
        return reading switch
        {
            MethodReading.AsPublished => new(
                text,
                Authors,
                new(LossReduction.SumPerImage),
                AtBirth,
                CountsFromPass: false,
                Loader.Shuffled,
                Clips: true
            ),
            MethodReading.AsReleasedInUnlearnCanvas => new(
                text,
                MethodReadings.UnlearnCanvas,
                new(LossReduction.MeanAll, BenignCondition.OfRetainBatch),
                TruncatedNormal,
                CountsFromPass: true,
                Loader.FirstBatch,
                Clips: false
            ),
            _ => throw MethodReadings.Refused(
                "Scissorhands",
                reading,
                $"{Authors} has no class-conditional diffusion program, and its Stable Diffusion programs never call the projection"
            ),
        };
    }

    // As the network is filled at birth.
    private static Tensor AtBirth(Parameter p, Generator generator) => ParameterVector.Fresh(p, generator);

    // σ = 0.02 cut at ±2, which is 100 σ: never cut; biases 0.
    private static Tensor TruncatedNormal(Parameter p, Generator generator) =>
        p.Name.Contains("bias", StringComparison.Ordinal)
            ? zeros(p.Shape)
            : randn(p.Shape, ScalarType.Float64, generator: generator).mul_(0.02);
}
