using System.Globalization;
using System.Text;
using DiMum.Data.MiniCanvas;
using DiMum.Data.UnlearnCanvas;
using DiMum.Metrics;
using DiMum.Nets;
using DiMum.Runs.Subjects;
using DiMum.StableDiffusion;

namespace DiMum.Runs;

/// <summary>What an experiment on latents under prompts needs: its network, and, for UnlearnCanvas, the files a user brings, disk and memory.</summary>
internal static class CanvasPlan
{
    private const int Latent = 64; // side at 512 pixels
    private const double Picture = 3 * 512 * 512; // bytes
    private const double Giga = 1e9;

    /// <summary>The U-Net's size.</summary>
    public static string Network(Experiment e)
    {
        var count = Weights(e);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"U-Net of {count:n0} parameters, {16.0 * count / (1 << 20):n0} MiB for weights, gradient and Adam"
        );
    }

    /// <summary>Lines for <c>--dry-run</c>. Sizes are derived, not measured.</summary>
    public static string Describe(Experiment e)
    {
        var text = new StringBuilder("# never run by us. A user brings\n");
        var styles = CanvasVocabulary.Themes.Count;
        var pictures = (long)styles * CanvasVocabulary.Objects.Count * CanvasFolder.PicturesEach;
        var retained = pictures - (long)CanvasVocabulary.Objects.Count * CanvasFolder.PicturesEach;
        const string drive = "the folder linked from github.com/OPTML-Group/UnlearnCanvas";
        Line("data.path", e.Data.Path, $"UnlearnCanvas: {pictures:n0} pictures of 512×512, {CanvasFolder.Sources}");
        Line(
            "canvas.model",
            e.Canvas.Model,
            $"Stable Diffusion v1.5 fine-tuned on it: diffusion/compvis/style50/compvis.ckpt or diffusion/diffuser/style50, {drive}"
        );
        Line("canvas.style-classifier", e.Canvas.StyleClassifier, $"style50.pth, ViT-L/16 of {styles} styles, {drive}");
        Line(
            "canvas.object-classifier",
            e.Canvas.ObjectClassifier,
            $"style50_cls.pth, ViT-L/16 of {CanvasVocabulary.Objects.Count} objects, {drive}"
        );
        var weights = Weights(e);
        static double Sum(IReadOnlyList<Parameter> declared) => declared.Sum(p => p.Count);
        var moments = 8.0 * Latent * Latent * sizeof(float); // mean and log-variance of a picture
        var made = e.Attack.SyntheticImages > 0 ? e.Attack.SyntheticImages : retained;
        var stages = e.Unlearn.Methods.Count * (1 + e.Attack.Assumptions.Count);
        text.Append("# disk, derived\n");
        Size("latents of the pictures", pictures * moments);
        Size($"{made:n0} synthesised pictures and their latents", made * (Picture + moments));
        Size($"weights of {stages} stages", stages * 4.0 * weights);
        Size("resuming one stage", 12.0 * weights);
        text.Append("# memory of the device, derived, float32, besides activations\n");
        Size("weights, gradient and Adam", 16.0 * weights);
        Size("a mask (SalUn) or a selection of weights", 4.0 * weights);
        Size("a frozen copy while it is used (ESD)", 8.0 * weights);
        Size("weights and moments of the inner loop (EraseDiff)", 12.0 * weights);
        Size("reference gradients and the score (Scissorhands)", 8.0 * weights);
        Size("autoencoder and text encoder", sizeof(float) * (Sum(AutoencoderKL.Declared(new())) + Sum(ClipTextEncoder.Declared(new()))));
        Size("two classifiers, ViT-L/16", 2 * sizeof(float) * Sum(VisionTransformer.Declared(new(styles))));
        Size("pictures, as bytes, and once more the retain set", (pictures + retained) * Picture);
        Size("synthesised pictures, while they are encoded", made * Picture);
        Size("pictures of a measurement, float32, while it lasts", sizeof(float) * e.Evaluate.RetainedImages * Picture);
        text.Append(
            CultureInfo.InvariantCulture,
            $"# synthesis: {made:n0} pictures × {e.Sampling.Steps} steps × 2 predictions of 4×{Latent}×{Latent}\n"
        );
        return text.ToString();

        void Line(string key, string? path, string what)
        {
            var state =
                path is null ? "not set"
                : File.Exists(path) || Directory.Exists(path) ? "found"
                : $"'{path}' not found";
            text.Append(CultureInfo.InvariantCulture, $"#   {key, -26} {state}: {what}\n");
        }

        void Size(string what, double bytes) => text.Append(CultureInfo.InvariantCulture, $"#   {what, -48} {bytes / Giga:f1} GB\n");
    }

    private static long Weights(Experiment e) =>
        UNet2DConditionModel
            .Declared(e.Data.Name == Workbench.UnlearnCanvas ? new() : CanvasSubject.NetworkOf(e, e.Data.Size ?? MiniCanvasSet.Side))
            .Sum(p => p.Count);
}
