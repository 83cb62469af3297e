using System.Globalization;
using DiMum.Checkpoints;
using DiMum.Runs.Subjects;
using DiMum.StableDiffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs.Stages;

/// <summary>Trains (or loads) the autoencoder and the text encoder of a miniature latent model, or takes those that a user brings. Nothing of them is ever unlearned or attacked.</summary>
internal sealed class ComponentsStage(StageContext context)
{
    private const string AutoencoderFile = "autoencoder.safetensors";
    private const string AutoencoderCheckpoint = "autoencoder-checkpoint.safetensors";
    private const string TextFile = "text-encoder.safetensors";
    private const string TextCheckpoint = "text-encoder-checkpoint.safetensors";
    private const string Scale = "scaling-factor";
    private const int CheckpointEvery = 100;

    private readonly StageFolder stage = context.Keys.Components();

    /// <param name="ScalingFactor">Of the latents.</param>
    /// <param name="Error">Mean squared error of reconstructed test images, pixels in [−1, 1].</param>
    /// <param name="Nearest">Share of training images nearest to their own prompt.</param>
    internal sealed record Outcome(double ScalingFactor, double Error, double Nearest);

    public CanvasComponents Run()
    {
        if (context.Bench.Brought is { } brought)
            return brought.Components(context.Bench.Device);
        var (bench, c) = (context.Bench, context.Experiment.Canvas);
        using var generator = bench.Seed.At("components/init").Generator();
        var (a, t) = (c.Autoencoder, c.Text);
        var autoencoder = new AutoencoderKL(
            new(bench.Train.Channels, a.LatentChannels, a.Widths, a.Blocks, a.NormGroups),
            bench.Device,
            generator
        );
        var tokenizer = ReducedVocabulary.Of(ClipTokenizer.StableDiffusion(), context.Bench.Labels!.Prompts(c.Wording));
        var text = new ClipTextEncoder(new(tokenizer.Count, t.Width, t.Heads, t.Layers, t.Tokens, 4 * t.Width), bench.Device, generator);
        if (stage.Done)
        {
            ModelFile.Read(stage.File(AutoencoderFile), autoencoder.Parameters);
            ModelFile.Read(stage.File(TextFile), text.Parameters);
            return new(autoencoder, text, tokenizer, context.Skip<Outcome>(stage, Describe).ScalingFactor);
        }

        context.Observer.Begin(stage.Name, 0, a.Iterations + t.Iterations);
        var scale = TrainedAutoencoder(autoencoder);
        var nearest = TrainedText(text, tokenizer);
        context.Complete(stage, new Outcome(scale, Reconstructed(autoencoder), nearest), Describe);
        File.Delete(stage.File(TextCheckpoint));
        return new(autoencoder, text, tokenizer, scale);
    }

    // Each network is written as soon as it is trained, and both trainings go on from checkpoints: a kill costs no more than the steps since the last.
    private double TrainedAutoencoder(AutoencoderKL autoencoder)
    {
        var (bench, a) = (context.Bench, context.Experiment.Canvas.Autoencoder);
        var file = stage.File(AutoencoderFile);
        if (File.Exists(file))
            return double.Parse(ModelFile.Read(file, autoencoder.Parameters)[Scale], CultureInfo.InvariantCulture);
        var scale = AutoencoderTraining.Train(
            autoencoder,
            bench.Train,
            new(a.Iterations, a.BatchSize, a.Rate, a.Divergence, a.Crop),
            bench.Seed.At("autoencoder"),
            (step, loss) => context.Observer.Advance(stage.Name, step, loss),
            context.Cancel,
            new(stage.File(AutoencoderCheckpoint), CheckpointEvery)
        );
        ModelFile.Write(
            file,
            autoencoder.Parameters,
            null,
            new Dictionary<string, string> { [Scale] = scale.ToString("R", CultureInfo.InvariantCulture) }
        );
        File.Delete(stage.File(AutoencoderCheckpoint));
        return scale;
    }

    // Its checkpoint stays until the stage is done: the share of images lies there alone.
    private double TrainedText(ClipTextEncoder text, ClipTokenizer tokenizer)
    {
        var (bench, c) = (context.Bench, context.Experiment.Canvas);
        var (t, done) = (c.Text, c.Autoencoder.Iterations);
        var nearest = TextTraining.Train(
            text,
            tokenizer,
            context.Bench.Labels!.Prompts(c.Wording),
            bench.ConditionedTrain,
            new(t.Iterations, t.BatchSize, t.Rate),
            bench.Seed.At("text-encoder"),
            (step, loss) => context.Observer.Advance(stage.Name, done + step, loss),
            context.Cancel,
            new(stage.File(TextCheckpoint), CheckpointEvery)
        );
        ModelFile.Write(stage.File(TextFile), text.Parameters, null, new Dictionary<string, string>());
        return nearest;
    }

    // Error on test images, and a sheet of some of them beside their reconstructions.
    private double Reconstructed(AutoencoderKL autoencoder)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var test = context.Bench.Test;
        using var some = test.Spread("reconstructed", 200);
        var x = Data.Pixels.ToModel(some.Images);
        var y = autoencoder.Decode(autoencoder.Encode(x).Mean);
        var shown = Math.Min(16, x.shape[0]);
        Data.ImageWriter.Grid(
            Data.Pixels.ToBytes(cat([x.narrow(0, 0, shown), y.narrow(0, 0, shown)])),
            (int)shown,
            2,
            stage.File("reconstructions.png")
        );
        return (y - x).square().mean().item<float>();
    }

    private static string Describe(Outcome o) => $"autoencoder's error {o.Error:g3}, text nearest to its image {o.Nearest:p1}";
}
