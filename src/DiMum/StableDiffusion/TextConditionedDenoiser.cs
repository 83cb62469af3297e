using DiMum.Diffusion;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.StableDiffusion;

/// <summary>
/// ε_θ(x_t, t, c) with c the index of a prompt, int64 [B], as class-conditional networks take a class: methods, attack and samplers see no
/// difference. The text features are frozen, so a table of them stands for the encoder; a dropped condition is the empty prompt.
/// </summary>
public sealed class TextConditionedDenoiser : ITrainableDenoiser, ISequenceConditioned
{
    /// <param name="unet">Owned from here on.</param>
    /// <param name="prompts">Not owned: many networks share one table.</param>
    public TextConditionedDenoiser(UNet2DConditionModel unet, PromptTable prompts)
    {
        (UNet, Prompts) = (unet, prompts);
        if (prompts.Features.shape[2] != unet.Config.CrossAttentionDim)
            throw new UserError(
                $"the prompts' features are {prompts.Features.shape[2]} wide, the U-Net attends to {unet.Config.CrossAttentionDim}; they belong to different models"
            );
        unet.NullContext = prompts.Nothing;
    }

    public UNet2DConditionModel UNet { get; }

    public PromptTable Prompts { get; }

    public ParameterVector Parameters => UNet.Parameters;

    public Device Device => UNet.Device;

    public bool Training
    {
        get => UNet.Training;
        set => UNet.Training = value;
    }

    /// <inheritdoc/>
    public Tensor Predict(Tensor x, Tensor t, Condition condition)
    {
        using var scope = NewDisposeScope();
        var features = Prompts.Features.index_select(0, condition.Value); // [B,L,D]
        return UNet.Predict(x, t, condition with { Value = features }).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public bool DetachesFirstToken
    {
        get => UNet.DetachesFirstToken;
        set => UNet.DetachesFirstToken = value;
    }

    /// <inheritdoc/>
    public void SeedDropout(Seed seed) => UNet.SeedDropout(seed);

    public void Dispose() => UNet.Dispose();
}
