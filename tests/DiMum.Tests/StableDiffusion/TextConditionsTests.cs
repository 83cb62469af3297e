using System.Security.Cryptography;
using DiMum.Attacks;
using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Optimization;
using DiMum.Runs;
using DiMum.StableDiffusion;
using DiMum.Tests.Data;
using DiMum.Tests.Runs;
using DiMum.Unlearning;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.StableDiffusion;

/// <summary>A text-conditional latent model goes through the same methods, attack, samplers and loop as a class-conditional one.</summary>
public class TextConditionsTests
{
    private TextWorld world = null!;
    private DisposeScope scope = null!;

    [SetUp]
    public void Make()
    {
        world = new TextWorld();
        scope = NewDisposeScope();
    }

    [TearDown]
    public void Clean()
    {
        scope.Dispose();
        world.Dispose();
    }

    private static IEnumerable<MethodSettings> Methods() =>
        from name in MethodRegistry.Names
        from reading in Enum.GetValues<MethodReading>()
        let settings = new MethodSettings
        {
            Name = name,
            Reading = reading,
            BatchSize = 2,
            Sparsity = 0.9,
            DenoisingSteps = 5,
            MaskRatio = 0.5,
            ProjectEvery = name == "Scissorhands" ? 1 : null,
        }
        where Exists(settings)
        select settings;

    private static bool Exists(MethodSettings settings)
    {
        try
        {
            return MethodRegistry.Create(settings) is not null;
        }
        catch (UserError)
        {
            return false;
        }
    }

    [TestCaseSource(nameof(Methods))]
    public void Every_method_in_every_reading_unlearns_a_text_conditional_latent_model(MethodSettings settings)
    {
        var method = MethodRegistry.Create(settings);
        var context = world.Context(world.Batches(loader: method.Loader));
        var before = world.Model.Parameters.Snapshot();
        using var rule = method.Prepare(context);
        using var trainer = new Trainer(world.Model, rule, new TrainerSettings(2, new LearningRate(1e-3)), world.Seed);
        Assert.That(double.IsFinite(trainer.Step().Loss));
        Assert.That(double.IsFinite(trainer.Step().Loss));
        Assert.That((world.Model.Parameters.Values - before).abs().max().item<float>(), Is.GreaterThan(1e-5f));
    }

    [Test]
    public void DiMRA_trains_it_on_auxiliary_pairs()
    {
        using var rule = DiMRA.Rule(
            world.Model,
            world.Schedule,
            world.Batches(4),
            Pairing.Auxiliary(world.Latents, TextWorld.Unlearned),
            1
        );
        using var trainer = new Trainer(world.Model, rule, new TrainerSettings(30, new LearningRate(2e-3)), world.Seed);
        var losses = Enumerable.Range(0, 30).Select(_ => trainer.Step().Loss).ToList();
        Assert.That(losses.TakeLast(8).Average(), Is.LessThan(0.9 * losses.Take(8).Average()));
    }

    [Test]
    public void Equation_9_puts_an_alternative_image_under_the_unlearned_prompt_of_the_same_object()
    {
        var pairing = world.Context(world.Batches()).Memorization;
        Assert.That(pairing.ImageIndex, Is.EqualTo(Enumerable.Range(16, 8)));
        var reader = pairing.Read(world.Seed);
        var seen = new HashSet<(int Image, long Condition)>();
        for (var step = 0; step < 4; step++)
        {
            var places = reader.Places(step, 4);
            var conditions = reader.Batch(step, 4).Conditions.data<long>().ToArray();
            foreach (var (place, condition) in places.Zip(conditions))
                seen.Add(((int)pairing.ImageIndex[(int)place], condition));
        }

        var expected = Enumerable.Range(16, 8).Select(i => (i, (long)(i / 4 - 4)));
        Assert.That(seen, Is.EquivalentTo(expected));
    }

    [Test]
    public void A_dropped_condition_is_the_empty_prompt()
    {
        using var pipeline = TinyPipeline.Make();
        using var table = PromptTable.Encode(pipeline.Tokenizer, pipeline.TextEncoder, [.. TextWorld.Texts, ""]);
        using var model = new TextConditionedDenoiser(pipeline.UNet, table);
        var (x, t) = (randn(2, 4, 8, 8), tensor(new long[] { 3, 40 }));
        var empty = (long)TextWorld.Texts.Length;
        var kept = model.Predict(x, t, new(tensor(new[] { 1L, empty })));
        var dropped = model.Predict(x, t, new(tensor(new[] { 1L, 2L }), tensor(new[] { true, false })));
        Assert.That((kept - dropped).abs().max().item<float>(), Is.LessThan(1e-6f));
        var undropped = model.Predict(x, t, new(tensor(new[] { 1L, 2L })));
        Assert.That((undropped - dropped).abs().max().item<float>(), Is.GreaterThan(1e-5f));
    }

    [Test]
    public void A_prediction_depends_neither_on_its_neighbours_nor_on_the_order_of_prompts()
    {
        var (x, t, c) = (randn(3, 4, 8, 8), tensor(new long[] { 1, 20, 49 }), tensor(new long[] { 5, 0, 3 }));
        var together = world.Model.Predict(x, t, new(c));
        for (var i = 0; i < 3; i++)
        {
            var alone = world.Model.Predict(x.narrow(0, i, 1), t.narrow(0, i, 1), new(c.narrow(0, i, 1)));
            Assert.That((alone - together.narrow(0, i, 1)).abs().max().item<float>(), Is.LessThan(1e-5f));
        }

        using var pipeline = TinyPipeline.Make();
        string[] reversed = [.. TextWorld.Texts.Reverse()];
        using var table = PromptTable.Encode(pipeline.Tokenizer, pipeline.TextEncoder, reversed);
        using var other = new TextConditionedDenoiser(pipeline.UNet, table);
        var renamed = other.Predict(x, t, new(5 - c));
        Assert.That((renamed - together).abs().max().item<float>(), Is.LessThan(1e-6f));
        Assert.That(TextWorld.Texts.Select(p => table[p]), Is.EqualTo(new[] { 5, 4, 3, 2, 1, 0 }));
    }

    [Test]
    public void Guided_sampling_is_by_weight_and_by_scale_the_same_and_is_decoded_into_images()
    {
        Tensor Images(Guidance guidance, Func<Tensor, Tensor>? decode) =>
            new Generation(world.Schedule, new Ddim { Steps = 5 }, guidance, 2) { Decode = decode }.Images(
                world.Model,
                [0, 5, 3],
                (4, 8, 8),
                world.Seed
            );
        var latents = Images(Guidance.ByScale(9), null);
        Assert.That(latents.shape, Is.EqualTo(new long[] { 3, 4, 8, 8 }));
        Assert.That(Images(Guidance.ByWeight(8), null).bytes.SequenceEqual(latents.bytes));
        Assert.That((Images(Guidance.None, null) - latents).abs().max().item<float>(), Is.GreaterThan(1e-3f));
        var decoded = Images(Guidance.ByScale(9), z => world.Code.Decode(world.Autoencoder, z));
        Assert.That(decoded.shape, Is.EqualTo(new long[] { 3, 3, 16, 16 }));
        var expected = world.Autoencoder.Decode(latents / 0.25);
        Assert.That((decoded - expected).abs().max().item<float>(), Is.LessThan(1e-4f * expected.abs().max().item<float>()));
    }

    [Test]
    public void Training_keys_and_values_alone_leaves_everything_else_bit_equal()
    {
        var model = world.Model;
        using var selected = ParameterSelection.Parse("cross-attention-kv").Mask(model.Parameters);
        var before = model.Parameters.Snapshot();
        var method = MethodRegistry.Create(new MethodSettings { Name = "DiMUM" });
        using var rule = method.Prepare(world.Context(world.Batches()) with { Selected = selected });
        using var trainer = new Trainer(model, rule, new TrainerSettings(3, new LearningRate(1e-2)), world.Seed);
        for (var i = 0; i < 3; i++)
            trainer.Step();
        foreach (var p in model.Parameters.Entries)
        {
            var moved = (model.Parameters.Slice(model.Parameters.Values, p.Name) - model.Parameters.Slice(before, p.Name)).ne(0);
            var trained = p.Name.Contains("attn2.to_k") || p.Name.Contains("attn2.to_v");
            Assert.That(moved.any().item<bool>(), Is.EqualTo(trained), p.Name);
        }
    }

    [Test]
    public void Cached_latents_are_those_of_the_images_under_the_same_draws()
    {
        using var folder = new TempFolder();
        using var first = LatentCode.Encode(world.Autoencoder, world.Images, folder.Root);
        var file = Directory.GetFiles(folder.Root).Single();
        var written = File.GetLastWriteTimeUtc(file);
        using var again = LatentCode.Encode(world.Autoencoder, world.Images, folder.Root);
        Assert.That(File.GetLastWriteTimeUtc(file), Is.EqualTo(written));
        Assert.That(again.Images.bytes.SequenceEqual(first.Images.bytes));
        Assert.That(again.Images.bytes.SequenceEqual(world.Latents.Images.bytes));

        // A batch as it would be encoded afresh, its noise drawn from the same seed.
        var pairing = Pairing.Train(again);
        var batch = world.Batches(3).Next(pairing, 7);
        var places = pairing.Read(world.Seed).Places(7, 3);
        var pixels = world.Images.Images.index_select(0, tensor(places));
        var posterior = world.Autoencoder.Encode(Pixels.ToModel(pixels));
        using var generator = world.Seed.At("train/code", 7).Generator();
        var fresh = 0.25 * posterior.Sample(randn(posterior.Mean.shape, generator: generator));
        Assert.That((batch.Clean - fresh).abs().max().item<float>(), Is.LessThan(1e-5f));
        var next = world.Batches(3).Next(pairing, 7 + (int)pairing.Count / 3); // the same images or others, but new noise
        Assert.That(next.Clean.bytes.SequenceEqual(batch.Clean.bytes), Is.False);

        // Another image or another autoencoder is another entry.
        using var fewer = world.Images.Take("fewer", [.. Enumerable.Range(0, 23).Select(i => (long)i)]);
        LatentCode.Encode(world.Autoencoder, fewer, folder.Root).Dispose();
        using (no_grad())
            world.Autoencoder.Parameters.Values[0] += 1;
        LatentCode.Encode(world.Autoencoder, world.Images, folder.Root).Dispose();
        Assert.That(Directory.GetFiles(folder.Root), Has.Length.EqualTo(3));
    }

    [Test]
    public void Cached_text_features_are_the_encoder_s_and_another_prompt_is_another_entry()
    {
        using var folder = new TempFolder();
        using var pipeline = TinyPipeline.Make();
        PromptTable Encode(params string[] texts) =>
            PromptTable.Encode(pipeline.Tokenizer, pipeline.TextEncoder, texts, cache: folder.Root);
        using var first = Encode(TextWorld.Texts);
        using var again = Encode(TextWorld.Texts);
        Assert.That(Directory.GetFiles(folder.Root), Has.Length.EqualTo(1));
        Assert.That(again.Features.bytes.SequenceEqual(first.Features.bytes));
        var ids = tensor(pipeline.Tokenizer.Padded(TextWorld.Texts[3])).unsqueeze(0);
        var expected = pipeline.TextEncoder.Encode(ids)[0];
        Assert.That((again.Features[3] - expected).abs().max().item<float>(), Is.LessThan(1e-5f));
        using var more = first.With(Encode("Van Gogh Style"));
        Assert.That((more["Van Gogh Style"], more.Features.shape[0]), Is.EqualTo((6, 7L)));
        Assert.That(Directory.GetFiles(folder.Root), Has.Length.EqualTo(2));
    }

    [Test]
    public void A_prompt_of_500_words_is_refused_in_one_line_or_cut_where_that_is_asked()
    {
        using var pipeline = TinyPipeline.Make();
        var longer = string.Join(' ', Enumerable.Repeat("cat", 500));
        PromptTable Encode(bool truncate, string text) => PromptTable.Encode(pipeline.Tokenizer, pipeline.TextEncoder, [text], truncate);
        Refusal.Of(() => Encode(false, longer), "the prompt 'cat cat", "at most 75 fit", "shorten it");
        using var cut = Encode(true, longer);
        var tokens = pipeline.Tokenizer.Padded(longer);
        Assert.That((tokens.Length, tokens[0], tokens[^1]), Is.EqualTo((77, (long)pipeline.Tokenizer.Start, (long)pipeline.Tokenizer.End)));
        Assert.That(cut.Features.shape, Is.EqualTo(new long[] { 1, 77, 16 }));
    }

    [Test]
    public void ESD_s_two_forms_of_the_target_are_equal()
    {
        var (x, t, c) = (randn(2, 4, 8, 8), tensor(new long[] { 5, 5 }), tensor(new long[] { 0, 1 }));
        using var none = no_grad();
        var concept = world.Model.Predict(x, t, new(c));
        var nothing = world.Model.Predict(x, t, new(c, zeros(2, ScalarType.Bool)));
        var esd = new DiMum.Unlearning.Methods.Esd(new(0, 1), 1, Guidance.ByScale(3), 50);
        var newer = concept - 2 * (concept - nothing); // erasing@25613d2
        Assert.That((esd.Target(concept, nothing) - newer).abs().max().item<float>(), Is.LessThan(1e-5f));
        Assert.That((concept - nothing).abs().max().item<float>(), Is.GreaterThan(1e-4f));
    }

    [Test]
    public void A_text_conditional_loop_that_is_stopped_and_resumed_ends_at_the_same_bits()
    {
        using var folder = new TempFolder();
        Dictionary<string, string> Trained(string name, int? stopAt)
        {
            using var own = new TextWorld();
            using var cancel = new CancellationTokenSource();
            var observer = new WatchingObserver(null, stopAt, cancel);
            var stage = new StageFolder(folder.Root, name, "key");
            var method = MethodRegistry.Create(new MethodSettings { Name = "SalUn" });
            using var rule = method.Prepare(own.Context(own.Batches()));
            var plan = new TrainingPlan(
                stage,
                own.Model,
                rule,
                new TrainerSettings(5, new LearningRate(1e-3), 0.9),
                own.Seed,
                1000,
                new HashSet<int>(),
                null
            );
            try
            {
                new TrainingLoop(observer, cancel.Token).Run(plan);
            }
            catch (OperationCanceledException) { }

            if (!File.Exists(stage.Model))
                return [];
            using var read = NewDisposeScope();
            return Safetensors.Read(stage.Model).Tensors.ToDictionary(t => t.Key, t => Convert.ToHexString(SHA256.HashData(t.Value.bytes)));
        }

        var whole = Trained("whole", null);
        Assert.That(Trained("parts", 2), Is.Empty);
        Assert.That(Trained("parts", null), Is.EqualTo(whole));
        var weights = world.Model.Parameters.Entries.Select(p => p.Name).ToList();
        Assert.That(whole.Keys, Is.EquivalentTo(weights.Concat(weights.Select(w => $"ema.{w}"))));
    }

    [Test]
    public void Images_that_can_t_be_mirrored_are_not() =>
        Refusal.Of(
            () => _ = new SeededBatches(world.Schedule, new DrawSettings(2, Flip: true), world.Seed, CPU, world.Code),
            "data.flip",
            "latents"
        );
}
