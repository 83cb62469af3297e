using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion;

/// <summary>
/// How a squared error [B,C,H,W] becomes a number. Released code mixes the two in one loss (SalUn), a factor of C·H·W: so it is a type.
/// </summary>
public enum LossReduction
{
    /// <summary>Sum over C, H, W; mean over the batch (DDPM's ‖·‖² as the released baselines train).</summary>
    SumPerImage,

    /// <summary>Mean over B, C, H and W.</summary>
    MeanAll,
}

/// <summary>Equations (4), (7), (8) and (10): one loss, four sources of pairs (x₀, c).</summary>
public static class EpsilonLoss
{
    /// <summary>L(θ) = E ‖ε − ε_θ(x_t, t, c)‖², x_t by Eq. (1).</summary>
    public static Tensor Of(IDenoiser model, NoiseSchedule schedule, NoisedBatch batch, LossReduction reduction = LossReduction.SumPerImage)
    {
        using var scope = NewDisposeScope();
        return SquaredError(batch.Noise, Predict(model, schedule, batch), reduction).MoveToOuterDisposeScope();
    }

    /// <summary>ℓ_i = ‖ε − ε_θ(x_t, t, c)‖² of every image, summed over C, H, W: [B].</summary>
    public static Tensor PerImage(IDenoiser model, NoiseSchedule schedule, NoisedBatch batch)
    {
        using var scope = NewDisposeScope();
        var error = batch.Noise - Predict(model, schedule, batch); // [B,C,H,W]
        return error.square().flatten(1).sum(1).MoveToOuterDisposeScope();
    }

    /// <summary>ε_θ(x_t, t, c) on the batch's noised images.</summary>
    public static Tensor Predict(IDenoiser model, NoiseSchedule schedule, NoisedBatch batch)
    {
        using var scope = NewDisposeScope();
        var noised = ForwardProcess.Noised(schedule, batch.Clean, batch.Time, batch.Noise); // [B,C,H,W]
        return model.Predict(noised, batch.Time, batch.Condition).MoveToOuterDisposeScope();
    }

    /// <summary>‖target − prediction‖² under the named reduction.</summary>
    public static Tensor SquaredError(Tensor target, Tensor prediction, LossReduction reduction)
    {
        using var scope = NewDisposeScope();
        var square = (target - prediction).square(); // [B,C,H,W]
        var loss = reduction switch
        {
            LossReduction.SumPerImage => square.sum() / square.shape[0],
            LossReduction.MeanAll => square.mean(),
            _ => throw new ArgumentOutOfRangeException(nameof(reduction), reduction, null),
        };
        return loss.MoveToOuterDisposeScope();
    }
}
