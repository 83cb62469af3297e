using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Metrics;
using DiMum.Nets;
using DiMum.Optimization;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.StableDiffusion;

/// <summary>How a small text encoder is trained.</summary>
/// <param name="Iterations">Steps.</param>
/// <param name="BatchSize">Images a step; every step sees all prompts.</param>
/// <param name="Rate">lr of both sides; falls by half a cosine.</param>
public sealed record TextTrainingSettings(int Iterations, int BatchSize, double Rate);

/// <summary>
/// Contrastive training of a text encoder with images (Radford et al. 2021): the end token's state, projected, is to be nearest to the projected images
/// of its own prompt, among all prompts. The image side is thrown away.
/// </summary>
public static class TextTraining
{
    private const int Shared = 64; // width of the space that text and images meet in
    private const double Sharpness = 14; // 1 over the temperature

    /// <summary>Trains in place; returns the share of images whose own prompt was nearest over the last tenth of the steps.</summary>
    /// <param name="checkpoint">Where it goes on from; null starts over.</param>
    public static double Train(
        ClipTextEncoder encoder,
        ClipTokenizer tokenizer,
        IReadOnlyList<string> prompts,
        Dataset images,
        TextTrainingSettings settings,
        Seed seed,
        Action<int, double>? onStep = null,
        CancellationToken cancel = default,
        FittingCheckpoint? checkpoint = null
    )
    {
        using var generator = seed.At("init").Generator();
        using var vision = new ImageClassifier(new(Shared, images.Channels, [16, 32, 32]), CPU, generator);
        var declared = new ParameterDeclarations();
        var toShared = new Linear(new ParameterScope(declared, "projection"), encoder.Config.Width, Shared);
        using var projection = new ParameterVector(declared, CPU, generator);
        ParameterVector[] all = [encoder.Parameters, vision.Parameters, projection];
        var fitted = all.Select(p => new Fitted(p, new Adam(p))).ToList();
        var rate = Fitting.Course(settings.Rate, settings.Iterations);
        var reader = Pairing.Train(images).Read(seed);
        var (ids, ends) = Tokens(encoder, tokenizer, prompts);
        using var hits = zeros(2, ScalarType.Int64).DetachFromDisposeScope(); // images nearest to their own prompt, images seen
        Tensor Loss(int step)
        {
            var (bytes, labels) = reader.Batch(step, settings.BatchSize);
            var states = encoder.Encode(ids); // [P,L,D]
            var text = functional.normalize(toShared.Forward(states[arange(prompts.Count), ends]), dim: 1); // [P,Shared]
            var pictures = functional.normalize(vision.Forward(Pixels.ToModel(bytes)).Logits, dim: 1); // [B,Shared]
            var likeness = Sharpness * pictures.matmul(text.t()); // [B,P]
            if (step >= settings.Iterations * 9 / 10)
                hits.add_(tensor(new[] { likeness.argmax(1).eq(labels).sum().item<long>(), labels.shape[0] }));
            return functional.cross_entropy(likeness, labels);
        }

        void Apply(int step)
        {
            foreach (var f in fitted)
            {
                GradientTransform.Clip(f.Parameters.Gradient, 1);
                f.Adam.Step(rate.At(step, settings.Iterations));
            }
        }

        var counted = checkpoint is null ? null : checkpoint with { Memory = new Dictionary<string, Tensor> { ["hits"] = hits } };
        Fitting.Run(fitted, settings.Iterations, Loss, Apply, onStep, cancel, counted);
        fitted.ForEach(f => f.Adam.Dispose());
        ids.Dispose();
        ends.Dispose();
        return (double)hits[0].item<long>() / Math.Max(1, hits[1].item<long>());
    }

    // Ids [P,L] and the place of each prompt's end [P].
    private static (Tensor Ids, Tensor Ends) Tokens(ClipTextEncoder encoder, ClipTokenizer tokenizer, IReadOnlyList<string> prompts)
    {
        var length = encoder.Config.MaxTokens;
        var rows = prompts.Select(p => tokenizer.Padded(p, length)).ToList();
        return (
            tensor(rows.SelectMany(r => r).ToArray(), [rows.Count, length], ScalarType.Int64),
            tensor(rows.Select(r => (long)Array.IndexOf(r, tokenizer.End)).ToArray(), ScalarType.Int64)
        );
    }
}
