using DiMum.Checkpoints;

namespace DiMum.StableDiffusion;

/// <summary>
/// A model in one file with CompVis names: <c>model.diffusion_model.*</c>, <c>first_stage_model.*</c>, <c>cond_stage_model.transformer.*</c>.
/// Optimisers, moving averages (<c>model_ema.*</c>) and tables beside them are left unread, as the released unlearning code leaves them.
/// </summary>
internal static class CompVisFile
{
    // A name that only another family has, and the family.
    private static readonly (string Beginning, string Family)[] Others =
    [
        ("conditioner.embedders.", "Stable Diffusion XL"),
        ("cond_stage_model.model.", "Stable Diffusion 2"),
        ("model.diffusion_model.joint_blocks.", "Stable Diffusion 3"),
        ("model.diffusion_model.double_blocks.", "Flux"),
    ];

    public static StableDiffusionPipeline Load(string path, LoadOptions options)
    {
        using var weights = WeightsFile.Open(path);
        foreach (var (beginning, family) in Others)
            if (weights.Stored.Keys.Any(k => k.StartsWith(beginning, StringComparison.Ordinal)))
                throw new UserError(
                    $"{weights.Source}: is a {family} model (it has tensors named {beginning}*); only the Stable Diffusion 1.x family is read"
                );
        return StableDiffusionPipeline
            .Empty(options.SingleFile, ClipTokenizer.StableDiffusion(), options)
            .Filled(part => WeightsFile.Fill(weights, part.Parameters, part.InSingleFile, part.What));
    }
}
