namespace DiMum.StableDiffusion;

/// <summary>The shape of a U-Net of the Stable Diffusion 1.x family. Defaults are v1.5: 686 tensors, 859,520,964 parameters.</summary>
/// <param name="InChannels">Channels of x_t.</param>
/// <param name="OutChannels">Channels of ε_θ.</param>
/// <param name="BlockOutChannels">Width of each level; each level after the first halves the resolution.</param>
/// <param name="CrossAttention">Whether a level has a transformer after each residual block; null is all but the last.</param>
/// <param name="LayersPerBlock">Residual blocks a level (one more on the way up).</param>
/// <param name="CrossAttentionDim">D, width of the condition's tokens.</param>
/// <param name="Heads">Attention heads. diffusers' configuration calls this number <c>attention_head_dim</c>.</param>
/// <param name="TransformerLayers">Transformer layers after a residual block.</param>
/// <param name="NormGroups">Groups of every group normalisation; must divide every width.</param>
/// <param name="NormEpsilon">ε of the residual blocks' normalisations; the transformers' own is 1e-6.</param>
public sealed record UNet2DConditionConfig(
    int InChannels = 4,
    int OutChannels = 4,
    IReadOnlyList<int>? BlockOutChannels = null,
    IReadOnlyList<bool>? CrossAttention = null,
    int LayersPerBlock = 2,
    int CrossAttentionDim = 768,
    int Heads = 8,
    int TransformerLayers = 1,
    int NormGroups = 32,
    double NormEpsilon = 1e-5
)
{
    public IReadOnlyList<int> BlockOutChannels { get; } = BlockOutChannels ?? [320, 640, 1280, 1280];

    public IReadOnlyList<bool> CrossAttention { get; } =
        CrossAttention ?? [.. (BlockOutChannels ?? [320, 640, 1280, 1280]).SkipLast(1).Select(_ => true), false];

    /// <summary>One line of every choice, for identities.</summary>
    public override string ToString() =>
        FormattableString.Invariant(
            $"sd-unet(in={InChannels} out={OutChannels} ch={string.Join('-', BlockOutChannels)} attn={string.Join("", CrossAttention.Select(a => a ? 'x' : '.'))} res={LayersPerBlock} context={CrossAttentionDim} heads={Heads} depth={TransformerLayers} groups={NormGroups})"
        );

    /// <exception cref="UserError">The numbers don't make a network.</exception>
    internal void Check()
    {
        if (BlockOutChannels.Count == 0 || CrossAttention.Count != BlockOutChannels.Count)
            throw new UserError(
                $"network: {BlockOutChannels.Count} widths and {CrossAttention.Count} attention flags; give one flag for each level"
            );
        foreach (var width in BlockOutChannels)
            if (width % NormGroups != 0)
                throw new UserError($"network: width {width} is not divisible by {NormGroups} normalisation groups");
            else if (width % Heads != 0)
                throw new UserError($"network: width {width} is not divisible by {Heads} attention heads");
    }
}
