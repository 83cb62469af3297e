using DiMum.Data.MiniCanvas;
using DiMum.Data.UnlearnCanvas;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Unlearning;

namespace DiMum.Runs;

/// <summary>Checks that need more than a type: ranges, known names, things that must fit together. Before anything is loaded or trained.</summary>
internal static class Validate
{
    public static Experiment Checked(Experiment e)
    {
        AtLeast("threads", e.Threads, 0);
        AtLeast("workers", e.Workers, 0);
        if (e.Device != "cpu" && e.Workers > 1)
            throw new UserError($"workers is {e.Workers}; expected 0 or 1 on device {e.Device}, whose random generator all stages share");
        if (e.Precision != Precision.Fp32 && e.Network.Kind == NetworkKind.Mlp)
            throw new UserError("precision is bf16, which only network.kind unet computes in; say precision: fp32");
        if (e.Precision != Precision.Fp32 && Workbench.LabelsOf(e.Data.Name) is not null)
            throw new UserError($"precision is bf16, which networks on {e.Data.Name} don't compute in; say precision: fp32");
        AtLeast("classifier.iterations", e.Classifier.Iterations, 1);
        AtLeast("classifier.batch-size", e.Classifier.BatchSize, e.Classifier.Kind == ClassifierKind.Resnet34 ? 2 : 1);
        AtLeast("classifier.top-k", e.Classifier.TopK, 1);
        if (e.Classifier.Kind == ClassifierKind.Small)
        {
            AtLeast("classifier.widths", e.Classifier.Widths, 1);
            Multiple("classifier.widths", e.Classifier.Widths, 8, "8, its normalisation groups");
        }

        if (e.Classifier is { Kind: ClassifierKind.Small, Weights: not null })
            throw new UserError("classifier.weights is given, but kind is small, which trains itself; say kind: resnet34");
        AtLeast("pretrain.iterations", e.Pretrain.Iterations, 1);
        AtLeast("pretrain.batch-size", e.Pretrain.BatchSize, 1);
        AtLeast("pretrain.checkpoint-every", e.Pretrain.CheckpointEvery, 1);
        AtLeast("attack.iterations", e.Attack.Iterations, 1);
        AtLeast("attack.batch-size", e.Attack.BatchSize, 1);
        AtLeast("attack.checkpoint-every", e.Attack.CheckpointEvery, 1);
        AtLeast("attack.synthetic-images", e.Attack.SyntheticImages, 0);
        AtLeast("evaluate.images", e.Evaluate.Images, 1);
        AtLeast("evaluate.retained-images", e.Evaluate.RetainedImages, 40);
        AtLeast("evaluate.grid-columns", e.Evaluate.GridColumns, 1);
        AtLeast("sampling.batch-size", e.Sampling.BatchSize, 1);
        AtLeast("sampling.steps", e.Sampling.Steps, 1);
        AtLeast("diffusion.steps", e.Diffusion.Steps, 1);
        Positive("pretrain.rate", e.Pretrain.Rate);
        Positive("attack.rate", e.Attack.Rate);
        Share("diffusion.drop-probability", e.Diffusion.DropProbability);
        if (e.Pretrain.Ema is { } ema)
            Share("pretrain.ema", ema);
        if (e.Unlearn.Start == StartWeights.Ema && e.Pretrain.Ema is null)
            throw new UserError(
                "unlearn.start is ema but pretrain.ema is null: give pretrain.ema a rate, for example 0.9999, or start from raw"
            );
        if (e.Sampling.Steps > e.Diffusion.Steps)
            throw new UserError($"sampling.steps is {e.Sampling.Steps}; expected at most diffusion.steps = {e.Diffusion.Steps}");
        if (!NoiseSchedule.Named.ContainsKey(e.Diffusion.Schedule))
            throw new UserError(
                $"diffusion.schedule is '{e.Diffusion.Schedule}'; expected {string.Join(" or ", NoiseSchedule.Named.Keys)}"
            );
        foreach (var share in e.Evaluate.UnlearnAt)
            Share("evaluate.unlearn-at", share);
        Network(e);
        Autoencoder(e.Canvas.Autoencoder);
        Text(e.Canvas.Text);
        AtLeast("canvas.heads", e.Canvas.Heads, 1);
        AtLeast("canvas.top-k", e.Canvas.TopK, 1);
        if (e.Data.Name == Workbench.MiniCanvas)
            Latent(e);
        if (e.Canvas.Pictures is < 2 or > CanvasFolder.PicturesEach)
            throw new UserError($"canvas.pictures is {e.Canvas.Pictures}; expected 2…{CanvasFolder.PicturesEach}");
        Methods(e);
        return e;
    }

    private const string Width = "network.channels times a multiplier";

    private static void Network(Experiment e)
    {
        var n = e.Network;
        AtLeast("network.channels", n.Channels, 1);
        AtLeast("network.multipliers", n.Multipliers, 1);
        AtLeast("network.res-blocks", n.ResBlocks, 1);
        AtLeast("network.norm-groups", n.NormGroups, 1);
        Share("network.dropout", n.Dropout);
        if (n.Kind == NetworkKind.Unet && e.Data.Name != Workbench.UnlearnCanvas)
            Multiple(Width, Widths(n), n.NormGroups, $"network.norm-groups = {n.NormGroups}");
    }

    private static IEnumerable<int> Widths(NetworkSettings n) => n.Multipliers.Select(m => n.Channels * m);

    private static void Autoencoder(AutoencoderSettings a)
    {
        AtLeast("canvas.autoencoder.widths", a.Widths, 1);
        AtLeast("canvas.autoencoder.blocks", a.Blocks, 1);
        AtLeast("canvas.autoencoder.latent-channels", a.LatentChannels, 1);
        AtLeast("canvas.autoencoder.norm-groups", a.NormGroups, 1);
        Multiple("canvas.autoencoder.widths", a.Widths, a.NormGroups, $"canvas.autoencoder.norm-groups = {a.NormGroups}");
        AtLeast("canvas.autoencoder.iterations", a.Iterations, 1);
        AtLeast("canvas.autoencoder.batch-size", a.BatchSize, 1);
        Positive("canvas.autoencoder.rate", a.Rate);
        if (a.Crop is not { } crop)
            return;
        AtLeast("canvas.autoencoder.crop", crop, 1);
        var factor = 1 << (a.Widths.Count - 1);
        Multiple("canvas.autoencoder.crop", [crop], factor, $"{factor}, by which {a.Widths.Count} levels reduce it");
    }

    private static void Latent(Experiment e)
    {
        Multiple(Width, Widths(e.Network), e.Canvas.Heads, $"canvas.heads = {e.Canvas.Heads}");
        var factor = 1 << (e.Canvas.Autoencoder.Widths.Count + e.Network.Multipliers.Count - 2);
        Multiple("data.size", [e.Data.Size ?? MiniCanvasSet.Side], factor, $"{factor}, by which autoencoder and network reduce it");
    }

    private static void Text(TextSettings t)
    {
        AtLeast("canvas.text.width", t.Width, 1);
        AtLeast("canvas.text.heads", t.Heads, 1);
        Multiple("canvas.text.width", [t.Width], t.Heads, $"canvas.text.heads = {t.Heads}");
        AtLeast("canvas.text.layers", t.Layers, 1);
        AtLeast("canvas.text.tokens", t.Tokens, 3);
        AtLeast("canvas.text.iterations", t.Iterations, 1);
        AtLeast("canvas.text.batch-size", t.BatchSize, 1);
        Positive("canvas.text.rate", t.Rate);
    }

    private static void Methods(Experiment e)
    {
        foreach (var method in e.Unlearn.Methods)
        {
            MethodRegistry.Create(method);
            var at = $"unlearn.methods.{method.Label}";
            AtLeast($"{at}.iterations", method.Iterations, 1);
            AtLeast($"{at}.batch-size", method.BatchSize, 1);
            Positive($"{at}.rate", method.Rate);
            Share($"{at}.mask-ratio", method.MaskRatio);
            Share($"{at}.sparsity", method.Sparsity);
            AtLeast($"{at}.inner-passes", method.InnerPasses, 1);
            AtLeast($"{at}.prune-batches", method.PruneBatches, 1);
            AtLeast($"{at}.memories", method.Memories, 1);
            AtLeast($"{at}.project-every", method.ProjectEvery ?? 0, 0);
            AtLeast($"{at}.denoising-steps", method.DenoisingSteps, 1);
            ParameterSelection.Parse(method.Parameters);
        }

        var twice = e.Unlearn.Methods.GroupBy(m => m.Label).FirstOrDefault(g => g.Count() > 1);
        if (twice is not null)
            throw new UserError($"unlearn.methods names '{twice.Key}' twice; give each method once a reading");
        foreach (var name in e.Attack.Methods.Where(n => e.Unlearn.Methods.All(m => !m.IsIn([n]))))
            throw new UserError($"attack.methods names '{name}', which unlearn.methods does not have");
    }

    private static void AtLeast(string key, int value, int least)
    {
        if (value < least)
            throw new UserError($"{key} is {value}; expected at least {least}");
    }

    private static void AtLeast(string key, IReadOnlyList<int> values, int least)
    {
        if (values.Count == 0)
            throw new UserError($"{key} is empty; expected one whole number a level");
        foreach (var value in values)
            AtLeast(key, value, least);
    }

    private static void Multiple(string key, IEnumerable<int> values, int of, string what)
    {
        foreach (var value in values.Where(v => v % of != 0))
            throw new UserError($"{key} is {value}; expected a multiple of {what}");
    }

    private static void Positive(string key, double value)
    {
        if (!(value > 0))
            throw new UserError(FormattableString.Invariant($"{key} is {value}; expected a number above 0"));
    }

    private static void Share(string key, double value)
    {
        if (value is < 0 or > 1)
            throw new UserError(FormattableString.Invariant($"{key} is {value}; expected a number in 0…1"));
    }
}
