using System.Text.Json.Nodes;

namespace DiMum.StableDiffusion;

/// <summary>
/// The JSON configurations of a diffusers folder, to this project's records and back (keys of diffusers@58eb52c and of Hugging Face's CLIP).
/// A setting that would change what a network computes, and that these networks don't have, is refused by its name.
/// </summary>
internal static class DiffusersConfigs
{
    private const string DiffusersVersion = "0.6.0"; // of the published Stable Diffusion v1.5

    // Settings of UNet2DConditionModel that the 1.x family leaves at one value.
    private static readonly (string Key, object? Only)[] FixedInUNet =
    [
        ("act_fn", "silu"),
        ("addition_embed_type", null),
        ("center_input_sample", false),
        ("class_embed_type", null),
        ("class_embeddings_concat", false),
        ("conv_in_kernel", 3),
        ("conv_out_kernel", 3),
        ("cross_attention_norm", null),
        ("downsample_padding", 1),
        ("dual_cross_attention", false),
        ("encoder_hid_dim", null),
        ("encoder_hid_dim_type", null),
        ("flip_sin_to_cos", true),
        ("freq_shift", 0),
        ("mid_block_scale_factor", 1),
        ("mid_block_type", "UNetMidBlock2DCrossAttn"),
        ("num_class_embeds", null),
        ("only_cross_attention", false),
        ("resnet_out_scale_factor", 1),
        ("resnet_skip_time_act", false),
        ("resnet_time_scale_shift", "default"),
        ("reverse_transformer_layers_per_block", null),
        ("time_cond_proj_dim", null),
        ("time_embedding_act_fn", null),
        ("time_embedding_dim", null),
        ("time_embedding_type", "positional"),
        ("timestep_post_act", null),
        ("use_linear_projection", false),
    ];

    public static UNet2DConditionConfig UNet(JsonConfig json)
    {
        json.Must("_class_name", "UNet2DConditionModel");
        foreach (var (key, only) in FixedInUNet)
            json.Must(key, only);
        var standard = new UNet2DConditionConfig();
        var attends = Attends(json, "down_block_types", "CrossAttnDownBlock2D", "DownBlock2D", standard.CrossAttention);
        var up = Attends(json, "up_block_types", "CrossAttnUpBlock2D", "UpBlock2D", [.. attends.Reverse()]);
        if (!up.Reverse().SequenceEqual(attends))
            throw new UserError($"{json.Path}: up_block_types is not the mirror of down_block_types; only such networks are read");
        return new(
            json.Count("in_channels", standard.InChannels),
            json.Count("out_channels", standard.OutChannels),
            json.Counts("block_out_channels", standard.BlockOutChannels),
            attends,
            json.Count("layers_per_block", standard.LayersPerBlock),
            json.Count("cross_attention_dim", 1280),
            json.Count("num_attention_heads", json.Count("attention_head_dim", standard.Heads)),
            json.Count("transformer_layers_per_block", standard.TransformerLayers),
            json.Count("norm_num_groups", standard.NormGroups),
            json.Number("norm_eps", standard.NormEpsilon)
        );
    }

    public static JsonObject Of(UNet2DConditionConfig c) =>
        new()
        {
            ["_class_name"] = "UNet2DConditionModel",
            ["_diffusers_version"] = DiffusersVersion,
            ["act_fn"] = "silu",
            ["attention_head_dim"] = c.Heads,
            ["block_out_channels"] = List(c.BlockOutChannels),
            ["center_input_sample"] = false,
            ["cross_attention_dim"] = c.CrossAttentionDim,
            ["down_block_types"] = List(c.CrossAttention.Select(a => a ? "CrossAttnDownBlock2D" : "DownBlock2D")),
            ["downsample_padding"] = 1,
            ["flip_sin_to_cos"] = true,
            ["freq_shift"] = 0,
            ["in_channels"] = c.InChannels,
            ["layers_per_block"] = c.LayersPerBlock,
            ["mid_block_scale_factor"] = 1,
            ["norm_eps"] = c.NormEpsilon,
            ["norm_num_groups"] = c.NormGroups,
            ["out_channels"] = c.OutChannels,
            ["sample_size"] = 64,
            ["transformer_layers_per_block"] = c.TransformerLayers,
            ["up_block_types"] = List(c.CrossAttention.Reverse().Select(a => a ? "CrossAttnUpBlock2D" : "UpBlock2D")),
        };

    public static AutoencoderConfig Autoencoder(JsonConfig json)
    {
        json.Must("_class_name", "AutoencoderKL");
        json.Must("act_fn", "silu");
        json.Must("use_quant_conv", true);
        json.Must("use_post_quant_conv", true);
        json.Must("mid_block_add_attention", true);
        json.Must("shift_factor", null);
        var standard = new AutoencoderConfig();
        foreach (var (key, only) in new[] { ("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D") })
            if (json.Texts(key, []).FirstOrDefault(t => t != only) is { } other)
                throw new UserError($"{json.Path}: '{key}' names {other}; expected {only} alone");
        var channels = json.Count("in_channels", standard.ImageChannels);
        json.Must("out_channels", channels);
        return new(
            channels,
            json.Count("latent_channels", standard.LatentChannels),
            json.Counts("block_out_channels", standard.BlockOutChannels),
            json.Count("layers_per_block", standard.LayersPerBlock),
            json.Count("norm_num_groups", standard.NormGroups),
            json.Number("scaling_factor", standard.ScalingFactor)
        );
    }

    public static JsonObject Of(AutoencoderConfig c) =>
        new()
        {
            ["_class_name"] = "AutoencoderKL",
            ["_diffusers_version"] = DiffusersVersion,
            ["act_fn"] = "silu",
            ["block_out_channels"] = List(c.BlockOutChannels),
            ["down_block_types"] = List(c.BlockOutChannels.Select(_ => "DownEncoderBlock2D")),
            ["in_channels"] = c.ImageChannels,
            ["latent_channels"] = c.LatentChannels,
            ["layers_per_block"] = c.LayersPerBlock,
            ["norm_num_groups"] = c.NormGroups,
            ["out_channels"] = c.ImageChannels,
            ["sample_size"] = 512,
            ["scaling_factor"] = c.ScalingFactor,
            ["up_block_types"] = List(c.BlockOutChannels.Select(_ => "UpDecoderBlock2D")),
        };

    public static ClipTextConfig Text(JsonConfig json)
    {
        var standard = new ClipTextConfig();
        var activation = json.Text("hidden_act", "quick_gelu");
        if (activation is not ("quick_gelu" or "gelu"))
            throw new UserError($"{json.Path}: 'hidden_act' is {activation}; expected quick_gelu or gelu");
        return new(
            json.Count("vocab_size", standard.VocabularySize),
            json.Count("hidden_size", 512),
            json.Count("num_attention_heads", 8),
            json.Count("num_hidden_layers", standard.Layers),
            json.Count("max_position_embeddings", standard.MaxTokens),
            json.Count("intermediate_size", 2048),
            json.Number("layer_norm_eps", standard.NormEpsilon),
            activation == "quick_gelu"
        );
    }

    public static JsonObject Of(ClipTextConfig c) =>
        new()
        {
            ["architectures"] = List(["CLIPTextModel"]),
            ["attention_dropout"] = 0.0,
            ["bos_token_id"] = 0,
            ["dropout"] = 0.0,
            ["eos_token_id"] = 2,
            ["hidden_act"] = c.QuickGelu ? "quick_gelu" : "gelu",
            ["hidden_size"] = c.Width,
            ["initializer_factor"] = 1.0,
            ["initializer_range"] = 0.02,
            ["intermediate_size"] = c.HiddenWidth,
            ["layer_norm_eps"] = c.NormEpsilon,
            ["max_position_embeddings"] = c.MaxTokens,
            ["model_type"] = "clip_text_model",
            ["num_attention_heads"] = c.Heads,
            ["num_hidden_layers"] = c.Layers,
            ["pad_token_id"] = 1,
            ["projection_dim"] = c.Width,
            ["vocab_size"] = c.VocabularySize,
        };

    public static SchedulerConfig Scheduler(JsonConfig json)
    {
        json.Must("prediction_type", "epsilon");
        json.Must("trained_betas", null);
        json.Must("rescale_betas_zero_snr", false);
        var standard = new SchedulerConfig();
        var config = new SchedulerConfig(
            json.Text("_class_name", standard.ClassName),
            json.Text("beta_schedule", "linear"),
            json.Share("beta_start", 1e-4),
            json.Share("beta_end", 0.02),
            json.Count("num_train_timesteps", standard.Steps),
            json.Int("steps_offset", 0)
        );
        _ = config.Schedule;
        return config;
    }

    public static JsonObject Of(SchedulerConfig c) =>
        new()
        {
            ["_class_name"] = c.ClassName,
            ["_diffusers_version"] = DiffusersVersion,
            ["beta_end"] = c.BetaEnd,
            ["beta_schedule"] = c.BetaSchedule,
            ["beta_start"] = c.BetaStart,
            ["clip_sample"] = false,
            ["num_train_timesteps"] = c.Steps,
            ["prediction_type"] = "epsilon",
            ["set_alpha_to_one"] = false,
            ["skip_prk_steps"] = true,
            ["steps_offset"] = c.StepsOffset,
            ["trained_betas"] = null,
        };

    public static JsonObject Index(SchedulerConfig scheduler) =>
        new()
        {
            ["_class_name"] = "StableDiffusionPipeline",
            ["_diffusers_version"] = DiffusersVersion,
            ["feature_extractor"] = new JsonArray(null, null),
            ["requires_safety_checker"] = false,
            ["safety_checker"] = new JsonArray(null, null),
            ["scheduler"] = List(["diffusers", scheduler.ClassName]),
            ["text_encoder"] = List(["transformers", "CLIPTextModel"]),
            ["tokenizer"] = List(["transformers", "CLIPTokenizer"]),
            ["unet"] = List(["diffusers", "UNet2DConditionModel"]),
            ["vae"] = List(["diffusers", "AutoencoderKL"]),
        };

    private static JsonArray List<T>(IEnumerable<T> items) => [.. items.Select(i => (JsonNode?)JsonValue.Create(i))];

    private static IReadOnlyList<bool> Attends(JsonConfig json, string key, string with, string without, IReadOnlyList<bool> missing)
    {
        if (!json.Has(key))
            return missing;
        return
        [
            .. json.Texts(key, [])
                .Select(t =>
                    t == with ? true
                    : t == without ? false
                    : throw new UserError($"{json.Path}: '{key}' names {t}; expected {with} or {without}")
                ),
        ];
    }
}
