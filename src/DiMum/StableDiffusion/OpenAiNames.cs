namespace DiMum.StableDiffusion;

/// <summary>The text encoder's names in openai/CLIP@d05afc4, which keeps Q, K and V in one matrix, D rows each.</summary>
public static class OpenAiNames
{
    private static readonly (string HuggingFace, string OpenAi)[] Parts =
    [
        ("text_model.embeddings.token_embedding.", "token_embedding."),
        ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
        ("text_model.encoder.layers.", "transformer.resblocks."),
        ("text_model.final_layer_norm.", "ln_final."),
        (".layer_norm1.", ".ln_1."),
        (".layer_norm2.", ".ln_2."),
        (".mlp.fc1.", ".mlp.c_fc."),
        (".mlp.fc2.", ".mlp.c_proj."),
        (".self_attn.out_proj.", ".attn.out_proj."),
    ];

    private static readonly string[] Stacked = ["q", "k", "v"];

    /// <summary>The name, with the rows of a stacked matrix as <c>[i*D:(i+1)*D]</c>.</summary>
    public static string Of(string huggingFace)
    {
        var name = Parts.Aggregate(huggingFace, (n, part) => n.Replace(part.HuggingFace, part.OpenAi, StringComparison.Ordinal));
        for (var i = 0; i < Stacked.Length; i++)
            foreach (var kind in new[] { "weight", "bias" })
                name = name.Replace(
                    $".self_attn.{Stacked[i]}_proj.{kind}",
                    $".attn.in_proj_{kind}[{i}*D:{i + 1}*D]",
                    StringComparison.Ordinal
                );
        return name;
    }
}
