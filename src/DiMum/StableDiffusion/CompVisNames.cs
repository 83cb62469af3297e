using System.Text.RegularExpressions;

namespace DiMum.StableDiffusion;

/// <summary>
/// Parameter names of CompVis checkpoints from diffusers names, by structure, for every configuration of the family
/// (diffusers@58eb52c <c>scripts/convert_diffusers_to_original_stable_diffusion.py</c>).
/// </summary>
public static partial class CompVisNames
{
    /// <summary>What names of the U-Net begin with in a CompVis checkpoint.</summary>
    public const string UNetPrefix = "model.diffusion_model.";

    /// <summary>What names of the autoencoder begin with in a CompVis checkpoint.</summary>
    public const string AutoencoderPrefix = "first_stage_model.";

    /// <summary>What names of the text encoder begin with in a CompVis checkpoint; the rest is Hugging Face's name.</summary>
    public const string TextEncoderPrefix = "cond_stage_model.transformer.";

    private static readonly (string Diffusers, string CompVis)[] UNetTop =
    [
        ("conv_in.", "input_blocks.0.0."),
        ("time_embedding.linear_1.", "time_embed.0."),
        ("time_embedding.linear_2.", "time_embed.2."),
        ("mid_block.resnets.0.", "middle_block.0."),
        ("mid_block.attentions.0.", "middle_block.1."),
        ("mid_block.resnets.1.", "middle_block.2."),
        ("conv_norm_out.", "out.0."),
        ("conv_out.", "out.2."),
    ];

    private static readonly (string Diffusers, string CompVis)[] UNetBlock =
    [
        ("norm1.", "in_layers.0."),
        ("conv1.", "in_layers.2."),
        ("time_emb_proj.", "emb_layers.1."),
        ("norm2.", "out_layers.0."),
        ("conv2.", "out_layers.3."),
        ("conv_shortcut.", "skip_connection."),
    ];

    private static readonly (string Diffusers, string CompVis)[] AutoencoderParts =
    [
        ("mid_block.resnets.0.", "mid.block_1."),
        ("mid_block.resnets.1.", "mid.block_2."),
        ("mid_block.attentions.0.group_norm.", "mid.attn_1.norm."),
        ("mid_block.attentions.0.to_q.", "mid.attn_1.q."),
        ("mid_block.attentions.0.to_k.", "mid.attn_1.k."),
        ("mid_block.attentions.0.to_v.", "mid.attn_1.v."),
        ("mid_block.attentions.0.to_out.0.", "mid.attn_1.proj_out."),
        ("conv_norm_out.", "norm_out."),
        ("conv_shortcut.", "nin_shortcut."),
    ];

    /// <summary>The CompVis name of a U-Net parameter, without <see cref="UNetPrefix"/>.</summary>
    public static string UNet(string name, UNet2DConditionConfig config)
    {
        if (Level().Match(name) is not { Success: true } m)
            return Block(Replace(name, UNetTop));
        var (up, level, kind, index, rest) = (
            m.Groups[1].Value == "up",
            int.Parse(m.Groups[2].Value),
            m.Groups[3].Value,
            int.Parse(m.Groups[4].Value),
            m.Groups[5].Value
        );
        // Down: a place for each residual block and one for the downsampler; up: one for each residual block, the last holding the upsampler too.
        var (layers, each) = (config.LayersPerBlock, config.LayersPerBlock + 1);
        var attends = config.CrossAttention[up ? config.CrossAttention.Count - 1 - level : level];
        return kind switch
        {
            "resnets" => Block($"{Place(up, level * each + index)}.0.{rest}"),
            "attentions" => $"{Place(up, level * each + index)}.1.{rest}",
            "downsamplers" => $"{Place(up, level * each + layers)}.0.{rest.Replace("conv.", "op.", StringComparison.Ordinal)}",
            _ => $"{Place(up, level * each + layers)}.{(attends ? 2 : 1)}.{rest}",
        };
    }

    /// <summary>The CompVis name of an autoencoder parameter, without <see cref="AutoencoderPrefix"/>.</summary>
    public static string Autoencoder(string name, AutoencoderConfig config)
    {
        var plain = AutoencoderParts.Aggregate(name, (n, part) => n.Replace(part.Diffusers, part.CompVis, StringComparison.Ordinal));
        return AutoencoderLevel()
            .Replace(
                plain,
                m =>
                {
                    var (up, level) = (m.Groups[1].Value == "up", int.Parse(m.Groups[2].Value));
                    var place = up ? $"up.{config.BlockOutChannels.Count - 1 - level}." : $"down.{level}.";
                    return place
                        + (
                            m.Groups[3].Value == "resnets" ? $"block.{m.Groups[4].Value}."
                            : up ? "upsample."
                            : "downsample."
                        );
                }
            );
    }

    /// <summary>The CompVis shape: the autoencoder's attention matrices are 1×1 convolutions there.</summary>
    public static long[] AutoencoderShape(string name, long[] shape) =>
        shape.Length == 2 && name.Contains("mid_block.attentions.", StringComparison.Ordinal) ? [.. shape, 1, 1] : shape;

    private static string Place(bool up, int index) => up ? $"output_blocks.{index}" : $"input_blocks.{index + 1}";

    private static string Block(string name)
    {
        foreach (var (diffusers, compVis) in UNetBlock)
            if (!name.Contains(".transformer_blocks.", StringComparison.Ordinal))
                name = name.Replace($".{diffusers}", $".{compVis}", StringComparison.Ordinal);
        return name;
    }

    private static string Replace(string name, (string From, string To)[] beginnings)
    {
        foreach (var (from, to) in beginnings)
            if (name.StartsWith(from, StringComparison.Ordinal))
                return to + name[from.Length..];
        return name;
    }

    [GeneratedRegex(@"^(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.*)$")]
    private static partial Regex Level();

    [GeneratedRegex(@"(down|up)_blocks\.(\d+)\.(resnets|downsamplers|upsamplers)\.(\d+)\.")]
    private static partial Regex AutoencoderLevel();
}
