namespace DiMum.Diffusion;

/// <summary>Dropout off for as long as this lives; then the network is as it was found, also after an error.</summary>
public sealed class EvaluationMode : IDisposable
{
    private readonly IDenoiser denoiser;
    private readonly bool found;

    /// <param name="denoiser">Put into evaluation mode.</param>
    public EvaluationMode(IDenoiser denoiser)
    {
        (this.denoiser, found) = (denoiser, denoiser.Training);
        denoiser.Training = false;
    }

    public void Dispose() => denoiser.Training = found;
}
