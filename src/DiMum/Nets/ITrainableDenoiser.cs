using DiMum.Diffusion;

namespace DiMum.Nets;

/// <summary>A denoiser whose parameters are one flat vector: what is trained, unlearned and attacked.</summary>
public interface ITrainableDenoiser : IDenoiser, IDisposable
{
    /// <summary>θ and its gradient.</summary>
    ParameterVector Parameters { get; }

    /// <summary>Fixes what dropout draws from here on; called once a step, so a resumed loop drops the same.</summary>
    void SeedDropout(Seed seed);
}
