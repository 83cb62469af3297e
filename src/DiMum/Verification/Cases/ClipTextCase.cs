using DiMum.StableDiffusion;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>The text encoder at procedural weights: its output and the states before it.</summary>
internal static class ClipTextCase
{
    public static void Run(CaseRun run)
    {
        using var none = no_grad();
        var (outputs, config) = (run.File.Outputs, Config(run.File.Root["config"]));
        using var encoder = new ClipTextEncoder(config, run.Device, null, run.Precision, frozen: true);
        SdPart.Load(run, encoder.Parameters, p => p.Name);
        var rows = run.File.Root["inputs"]["input_ids"].Items().Select(r => r.Integers()).ToArray();
        var ids = stack(rows.Select(run.Tensor).ToArray()); // [B,L]
        // The file has tolerances for the last states only; a state before is no larger an error than the one after all layers.
        var before = SdPart.Tolerance(run, "before_final_layer_norm");
        var last = encoder.Encode(
            ids,
            (layers, state) =>
            {
                if (layers == config.Layers && outputs.Find("before_final_layer_norm") is { } unnormalised)
                    SdPart.Compare(run, unnormalised, state, before);
                if (layers == config.Layers - 1 && outputs.Find("output_of_the_last_but_one_layer") is { } early)
                    SdPart.Compare(run, early, state, before);
            }
        );
        var atol = SdPart.Tolerance(run, "last_hidden_state");
        SdPart.Compare(run, outputs["last_hidden_state"], last, atol);
        if (outputs.Find("row_at_argmax_of_ids") is { } row)
            SdPart.Compare(run, row, stack(rows.Select((r, i) => last[i, Array.IndexOf(r, r.Max())]).ToArray()), atol);
    }

    private static ClipTextConfig Config(GoldenNode config) =>
        new(
            (int)config["vocab_size"].Integer(),
            (int)config["hidden_size"].Integer(),
            (int)config["num_attention_heads"].Integer(),
            (int)config["num_hidden_layers"].Integer(),
            (int)config["max_position_embeddings"].Integer(),
            (int)config["intermediate_size"].Integer(),
            config["layer_norm_eps"].Number(),
            config["hidden_act"].Text() switch
            {
                "quick_gelu" => true,
                "gelu" => false,
                var other => throw new NotCovered($"{config.Path}: the activation '{other}' is unknown here"),
            }
        );
}
