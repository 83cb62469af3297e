namespace DiMum.StableDiffusion;

/// <summary>The shapes of a whole model. Defaults are Stable Diffusion v1.5's.</summary>
public sealed record PipelineConfig(
    UNet2DConditionConfig UNet,
    AutoencoderConfig Autoencoder,
    ClipTextConfig Text,
    SchedulerConfig Scheduler
)
{
    public static PipelineConfig V15 { get; } = new(new(), new(), new(), new());

    /// <exception cref="UserError">The parts don't fit together.</exception>
    internal void Check(string source)
    {
        if (UNet.CrossAttentionDim != Text.Width)
            throw new UserError(
                $"{source}: the U-Net attends to vectors of {UNet.CrossAttentionDim} and the text encoder makes {Text.Width}; these parts belong to different models"
            );
        if (UNet.InChannels != Autoencoder.LatentChannels || UNet.OutChannels != Autoencoder.LatentChannels)
            throw new UserError(
                $"{source}: the U-Net takes {UNet.InChannels} and gives {UNet.OutChannels} channels, the autoencoder's latents have {Autoencoder.LatentChannels}; "
                    + "inpainting, depth and other variants aren't read"
            );
    }
}
