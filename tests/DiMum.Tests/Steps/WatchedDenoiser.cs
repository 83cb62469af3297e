using DiMum.Diffusion;
using DiMum.Nets;
using static TorchSharp.torch;

namespace DiMum.Tests.Steps;

/// <summary>A denoiser whose every prediction's condition is seen; the inner one stays with its owner.</summary>
internal sealed class WatchedDenoiser(ITrainableDenoiser inner, Action<Condition> seen) : ITrainableDenoiser
{
    public Device Device => inner.Device;
    public ParameterVector Parameters => inner.Parameters;

    public bool Training
    {
        get => inner.Training;
        set => inner.Training = value;
    }

    public Tensor Predict(Tensor x, Tensor t, Condition condition)
    {
        seen(condition);
        return inner.Predict(x, t, condition);
    }

    public void SeedDropout(Seed seed) => inner.SeedDropout(seed);

    public void Dispose() { }
}
