using DiMum.Attacks;
using DiMum.Checkpoints;
using DiMum.Data.UnlearnCanvas;
using DiMum.Diffusion;
using DiMum.Metrics;
using DiMum.Nets;
using DiMum.Runs;
using DiMum.StableDiffusion;
using DiMum.Tests.Data;
using DiMum.Tests.StableDiffusion;
using NUnit.Framework;
using SkiaSharp;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Runs;

/// <summary>The paper's preset on files that a user brings: here a model, a data set and classifiers of a few thousand numbers in the same formats.</summary>
[NonParallelizable]
public class UnlearnCanvasRunTests
{
    private static readonly VisionTransformerConfig Tiny = new(51, ImageSize: 16, PatchSize: 8, Width: 16, Layers: 1, Heads: 1);
    private readonly TempFolder files = new();

    [OneTimeSetUp]
    public void Bring()
    {
        foreach (var (theme, t) in CanvasVocabulary.Themes.Select((theme, t) => (theme, t)))
        foreach (var (thing, o) in CanvasVocabulary.Objects.Select((thing, o) => (thing, o)))
        {
            var png = Picture(t, o);
            files.Write($"data/{theme}/{thing}/1.png", png);
            files.Write($"data/{theme}/{thing}/2.png", png);
        }

        using var pipeline = TinyPipeline.Make();
        pipeline.Save(files["model"]);
        Classifier("styles.safetensors", Tiny);
        Classifier("objects.safetensors", Tiny with { Classes = 20 });
    }

    [OneTimeTearDown]
    public void Remove() => files.Dispose();

    [Test]
    public void The_paper_s_preset_goes_through_every_stage_from_the_weights_that_were_brought()
    {
        using var folder = new TempFolder();
        var results = Run(folder, e => e);
        Assert.That(results.ClassNames, Is.EqualTo(CanvasVocabulary.Themes));
        Assert.That((results.ClassNames[results.UnlearnedClass], results.Pretrained.ObjectAccuracy!.N), Is.EqualTo(("Van_Gogh", 100L)));
        Assert.That(results.Pretrained.ArUnlearned.Metric, Does.Contain("top-3").And.Contain("vit-"));
        Assert.That(results.Classifier.TestAccuracy.N, Is.EqualTo(1020), "every second picture is the test split");
        Assert.That(results.Methods.Select(m => m.Name), Is.EqualTo(new[] { "ESD", "DiMUM" }));
        Assert.That(results.Methods.SelectMany(m => m.Attacks).Select(a => a.Assumption), Is.All.EqualTo("ii-b"));
        var (answers, _) = ImageSetEvaluation.Run(new(folder.Root, folder.Root) { Classifier = folder.Root, Model = "DiMUM" }, CPU);
        Assert.That(answers.Single().Identity, Does.Contain("vit-"));
        Assert.That(answers.Single().Numbers, Is.Not.Empty);
        using var model = SafetensorsFile.Open(
            Directory.GetFiles(folder["stages"], "model.safetensors", SearchOption.AllDirectories).Single(f => f.Contains("pretrain"))
        );
        using var pipeline = TinyPipeline.Make();
        foreach (var p in pipeline.UNet.Parameters.Entries)
        {
            using var scope = NewDisposeScope();
            using var read = model.Read(p.Name);
            Assert.That(
                read.flatten().equal(pipeline.UNet.Parameters.Slice(pipeline.UNet.Parameters.Values, p.Name).flatten()).all().item<bool>(),
                p.Name
            );
        }
    }

    [Test]
    public void Another_model_is_another_stage_and_nothing_is_found_done()
    {
        using var folder = new TempFolder();
        using (var run = new Run(Experiment(e => e), folder.Root, new SilentObserver(), default))
            run.Pretrain();
        using (var other = TinyPipeline.Make(ScalarType.Float16))
            other.Save(folder["other"]);
        using (
            var run = new Run(
                Experiment(e => e with { Canvas = e.Canvas with { Model = folder["other"] } }),
                folder.Root,
                new SilentObserver(),
                default
            )
        )
            run.Pretrain();
        Assert.That(Directory.GetDirectories(folder["stages"], "pretrain-*"), Has.Length.EqualTo(2));
        Assert.That(Directory.GetDirectories(folder["stages"], "evaluate-pretrained-*"), Has.Length.EqualTo(2));
        Assert.That(Directory.GetDirectories(folder["stages"], "classifier-*"), Has.Length.EqualTo(1));
    }

    [Test]
    public void A_checkpoint_with_CompVis_names_is_measured_as_the_same_weights_with_diffusers_names_are()
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        using var pipeline = TinyPipeline.Make();
        var unet = pipeline.UNet;
        Tensor Of(Parameter p) => unet.Parameters.Slice(unet.Parameters.Values, p.Name);
        Safetensors.Write(folder["own.safetensors"], unet.Parameters.Entries.ToDictionary(p => p.Name, Of));
        Safetensors.Write(
            folder["released.safetensors"],
            unet.Parameters.Entries.ToDictionary(p => CompVisNames.UNetPrefix + CompVisNames.UNet(p.Name, unet.Config), Of)
        );
        Safetensors.Write(folder["none.safetensors"], new Dictionary<string, Tensor> { ["weight"] = zeros(3) });
        using var run = new Run(Experiment(e => e), folder.Root, new SilentObserver(), default);
        var (own, released) = (run.EvaluateCheckpoint(folder["own.safetensors"]), run.EvaluateCheckpoint(folder["released.safetensors"]));
        Assert.That(
            (released.ArUnlearned.Value, released.RetainedAccuracy!.Value, released.Frechet!.Value),
            Is.EqualTo((own.ArUnlearned.Value, own.RetainedAccuracy!.Value, own.Frechet!.Value))
        );
        Refusal.Of(() => run.EvaluateCheckpoint(folder["none.safetensors"]), folder["none.safetensors"], "which the U-Net needs");
    }

    [Test]
    public void What_is_missing_or_does_not_fit_is_told_by_its_setting_before_the_data_is_read()
    {
        void Refused(Func<Experiment, Experiment> change, params string[] parts)
        {
            using var folder = new TempFolder();
            Refusal.Of(
                () =>
                {
                    using var run = new Run(Experiment(change), folder.Root, new SilentObserver(), default);
                    run.Pretrain();
                },
                parts
            );
        }

        Refused(e => e with { Canvas = e.Canvas with { Model = null } }, "canvas.model is not set", "diffusers folder", "UnlearnCanvas");
        Refused(
            e => e with { Canvas = e.Canvas with { StyleClassifier = files["no.pth"] } },
            "canvas.style-classifier",
            files["no.pth"],
            "style50.pth"
        );
        Refused(e => e with { Data = e.Data with { Path = null } }, "data.path is not set", "huggingface.co");
        Refused(
            e => e with { Diffusion = e.Diffusion with { Schedule = "linear" } },
            "canvas.model was trained with scaled-linear",
            "diffusion"
        );
        Refused(e => e with { Data = e.Data with { Size = 18 } }, "data.size is 18", "a multiple of 4");
        Refused(
            e => e with { Canvas = e.Canvas with { ObjectClassifier = e.Canvas.StyleClassifier } },
            files["styles.safetensors"],
            "a head of 51 classes",
            "canvas.object-classifier needs one of 20"
        );
    }

    [Test]
    public void A_classifier_sees_pictures_as_Pillow_would_scale_their_bytes()
    {
        using var scope = NewDisposeScope();
        using var classifier = VisionTransformerClassifier.Load(files["styles.safetensors"], 51, "canvas.style-classifier", CPU);
        using var network = VisionTransformer.Load(files["styles.safetensors"], Tiny);
        using var generator = new Seed(5).Generator();
        var bytes = randint(0, 256, [60, 3, 40, 24], ScalarType.Byte, generator: generator);
        var scaled = DiMum.Data.Resample.Planes(bytes.data<byte>().ToArray(), 40, 24, 16, 16, DiMum.Data.ResampleFilter.Bilinear);
        var expected = network.Forward(DiMum.Data.Pixels.ToModel(tensor(scaled, [60, 3, 16, 16], ScalarType.Byte)));
        var seen = classifier.Forward(DiMum.Data.Pixels.ToModel(bytes));
        Assert.That((seen.Logits - expected.Logits).abs().max().item<float>(), Is.LessThan(1e-5f));
        Assert.That((seen.Features - expected.Features).abs().max().item<float>(), Is.LessThan(1e-5f));
        Assert.That((classifier.FeatureCount, seen.Logits.shape[1]), Is.EqualTo((16, 51L)));
    }

    private Experiment Experiment(Func<Experiment, Experiment> change)
    {
        var e = Presets.Load(
            "unlearncanvas-paper-1k",
            [
                $"data.path={files["data"]}",
                "data.size=16",
                $"canvas.model={files["model"]}",
                $"canvas.style-classifier={files["styles.safetensors"]}",
                $"canvas.object-classifier={files["objects.safetensors"]}",
                "canvas.pictures=2",
                "sampling.steps=2",
                "sampling.batch-size=20",
                "attack.iterations=2",
                "attack.evaluate-at=[]",
                "attack.synthetic-images=50",
                "evaluate.images=20",
                "evaluate.retained-images=100",
                "evaluate.unlearn-at=[]",
                "threads=1",
                "workers=1",
            ]
        );
        return change(
            e with
            {
                Unlearn = e.Unlearn with
                {
                    Methods =
                    [
                        .. e
                            .Unlearn.Methods.Where(m => m.Name is "DiMUM" or "ESD")
                            .Select(m => m with { Iterations = 2, BatchSize = 2, DenoisingSteps = 2 }),
                    ],
                },
            }
        );
    }

    private RunResults Run(TempFolder folder, Func<Experiment, Experiment> change)
    {
        using var run = new Run(Experiment(change), folder.Root, new SilentObserver(), default);
        return run.All();
    }

    private void Classifier(string name, VisionTransformerConfig config)
    {
        using var scope = NewDisposeScope();
        using var generator = new Seed(config.Classes).Generator();
        using var network = new VisionTransformer(config, CPU, generator);
        Safetensors.Write(
            files[name],
            network.Parameters.Entries.ToDictionary(p => p.Name, p => network.Parameters.Slice(network.Parameters.Values, p.Name))
        );
    }

    // Of one colour a style and object.
    private static byte[] Picture(int style, int thing)
    {
        using var bitmap = new SKBitmap(20, 16);
        bitmap.Erase(new SKColor((byte)(5 * style), (byte)(12 * thing), 128));
        using var png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }
}
