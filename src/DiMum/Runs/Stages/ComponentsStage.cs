using System.Globalization;
using DiMum.Checkpoints;
using DiMum.Data.MiniCanvas;
using DiMum.Metrics;
using DiMum.Runs.Subjects;
using DiMum.StableDiffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs.Stages;

/// <summary>Trains (or loads) the autoencoder and the text encoder of a miniature latent model. Nothing of them is ever unlearned or attacked.</summary>
internal sealed class ComponentsStage(StageContext context)
{
    /// <param name="ScalingFactor">Of the latents.</param>
    /// <param name="Error">Mean squared error of reconstructed test images, pixels in [−1, 1].</param>
    /// <param name="Nearest">Share of training images nearest to their own prompt.</param>
    internal sealed record Outcome(double ScalingFactor, double Error, double Nearest);

    public CanvasComponents Run()
    {
        var (bench, c) = (context.Bench, context.Experiment.Canvas);
        var stage = context.Keys.Components();
        using var generator = bench.Seed.At("components/init").Generator();
        var a = c.Autoencoder;
        var autoencoder = new AutoencoderKL(
            new(bench.Train.Channels, a.LatentChannels, a.Widths, a.Blocks, a.NormGroups),
            bench.Device,
            generator
        );
        var prompts = MiniCanvasSet.Prompts(c.Wording);
        var tokenizer = ReducedVocabulary.Of(ClipTokenizer.StableDiffusion(), prompts);
        var t = c.Text;
        var text = new ClipTextEncoder(new(tokenizer.Count, t.Width, t.Heads, t.Layers, t.Tokens, 4 * t.Width), bench.Device, generator);
        var (autoencoderFile, textFile) = (stage.File("autoencoder.safetensors"), stage.File("text-encoder.safetensors"));
        if (stage.Done)
        {
            ModelFile.Read(autoencoderFile, autoencoder.Parameters);
            ModelFile.Read(textFile, text.Parameters);
            return new(autoencoder, text, tokenizer, context.Skip<Outcome>(stage, Describe).ScalingFactor);
        }

        context.Observer.Begin(stage.Name, 0, a.Iterations + t.Iterations);
        var scale = AutoencoderTraining.Train(
            autoencoder,
            bench.Train,
            new(a.Iterations, a.BatchSize, a.Rate, a.Divergence, a.Crop),
            bench.Seed.At("autoencoder"),
            (step, loss) => context.Observer.Advance(stage.Name, step, loss),
            context.Cancel
        );
        var nearest = TextTraining.Train(
            text,
            tokenizer,
            prompts,
            bench.ConditionedTrain,
            new(t.Iterations, t.BatchSize, t.Rate),
            bench.Seed.At("text-encoder"),
            (step, loss) => context.Observer.Advance(stage.Name, a.Iterations + step, loss),
            context.Cancel
        );
        var about = new Dictionary<string, string> { ["scaling-factor"] = scale.ToString("R", CultureInfo.InvariantCulture) };
        ModelFile.Write(autoencoderFile, autoencoder.Parameters, null, about);
        ModelFile.Write(textFile, text.Parameters, null, about);
        context.Complete(stage, new Outcome(scale, Reconstructed(autoencoder, stage), nearest), Describe);
        return new(autoencoder, text, tokenizer, scale);
    }

    // Error on test images, and a sheet of some of them beside their reconstructions.
    private double Reconstructed(AutoencoderKL autoencoder, StageFolder stage)
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
