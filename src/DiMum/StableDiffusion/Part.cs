using DiMum.Nets;

namespace DiMum.StableDiffusion;

/// <summary>One network of a pipeline: its weights, and what they are called in files.</summary>
/// <param name="What">The network, for messages.</param>
/// <param name="Folder">Where a diffusers folder keeps it.</param>
/// <param name="Parameters">The weights.</param>
/// <param name="CompVisPrefix">What its names begin with in a CompVis file.</param>
/// <param name="CompVisName">A parameter's name after that, from its own, which is diffusers'.</param>
internal sealed record Part(string What, string Folder, ParameterVector Parameters, string CompVisPrefix, Func<string, string> CompVisName)
{
    private static readonly (string New, string Old)[] OldAttention =
    [
        (".to_q.", ".query."),
        (".to_k.", ".key."),
        (".to_v.", ".value."),
        (".to_out.0.", ".proj_attn."),
    ];

    public static Part OfTextEncoder(StableDiffusionPipeline pipeline) =>
        new("text encoder", "text_encoder", pipeline.TextEncoder.Parameters, CompVisNames.TextEncoderPrefix, name => name);

    public static Part OfAutoencoder(StableDiffusionPipeline pipeline) =>
        new(
            "autoencoder",
            "vae",
            pipeline.Autoencoder.Parameters,
            CompVisNames.AutoencoderPrefix,
            name => CompVisNames.Autoencoder(name, pipeline.Autoencoder.Config)
        );

    public static Part OfUNet(UNet2DConditionModel unet) =>
        new("U-Net", "unet", unet.Parameters, CompVisNames.UNetPrefix, name => CompVisNames.UNet(name, unet.Config));

    /// <summary>The names in a diffusers folder: today's, and the autoencoder's attention as diffusers called it before 0.17.</summary>
    public IEnumerable<string> InFolder(Parameter p)
    {
        yield return p.Name;
        if (Folder == "vae" && p.Name.Contains("mid_block.attentions.", StringComparison.Ordinal))
            yield return OldAttention.Aggregate(p.Name, (n, part) => n.Replace(part.New, part.Old, StringComparison.Ordinal));
    }

    /// <summary>The names in a CompVis file; some leave <c>text_model.</c> out of the text encoder's.</summary>
    public IEnumerable<string> InSingleFile(Parameter p)
    {
        var name = CompVisPrefix + CompVisName(p.Name);
        yield return name;
        if (name.Contains(".text_model.", StringComparison.Ordinal))
            yield return name.Replace(".text_model.", ".", StringComparison.Ordinal);
    }
}
