using DiMum.Data;
using DiMum.Data.UnlearnCanvas;
using NUnit.Framework;
using SkiaSharp;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Data;

/// <summary>UnlearnCanvas as its release lays it out, words it, prepares it and samples it.</summary>
public class UnlearnCanvasTests
{
    [Test]
    public void There_are_51_themes_and_20_objects_in_the_classifiers_order()
    {
        var (themes, objects) = (CanvasVocabulary.Themes, CanvasVocabulary.Objects);
        Assert.That((themes.Count, objects.Count), Is.EqualTo((51, 20)));
        Assert.That((themes[0], themes[38], themes[45], themes[50]), Is.EqualTo(("Abstractionism", "Seed_Images", "Van_Gogh", "Winter")));
        Assert.That((objects[0], objects[11], objects[19]), Is.EqualTo(("Architectures", "Human", "Waterfalls")));
        Assert.That(themes, Is.Unique.And.Ordered.Using((IComparer<string>)StringComparer.Ordinal));
        Assert.That(objects, Is.Unique.And.Ordered.Using((IComparer<string>)StringComparer.Ordinal));
    }

    [TestCase(CanvasWording.Paper, "Van_Gogh", "An image of Bears in Van Gogh style.")]
    [TestCase(CanvasWording.Released, "Van_Gogh", "A Bears image in Van Gogh style.")]
    [TestCase(CanvasWording.Released, "Seed_Images", "A Bears image in Photo style.")]
    [TestCase(CanvasWording.Paper, "Seed_Images", "An image of Bears in Photo style.")]
    public void Both_wordings(CanvasWording wording, string theme, string prompt) =>
        Assert.That(CanvasVocabulary.Prompt(wording, theme, "Bears"), Is.EqualTo(prompt));

    [Test]
    public void The_released_scripts_for_unlearned_models_make_no_exception_of_photographs() =>
        Assert.That(
            CanvasVocabulary.Prompt(CanvasWording.Released, "Seed_Images", "Sea", photographsByName: true),
            Is.EqualTo("A Sea image in Seed Images style.")
        );

    [Test]
    public void A_label_is_the_place_of_its_prompt_and_an_alternative_keeps_the_object()
    {
        var prompts = CanvasVocabulary.Prompts(CanvasWording.Released, CanvasVocabulary.Themes, CanvasVocabulary.Objects);
        Assert.That(prompts, Has.Count.EqualTo(1020).And.Unique);
        var map = CanvasVocabulary.Instead(45, 0, 20);
        Assert.That(map, Has.Count.EqualTo(20));
        foreach (var (from, to) in map)
            Assert.That(prompts[to], Is.EqualTo(prompts[from].Replace("Van Gogh", "Abstractionism")));
    }

    [Test]
    public void A_folder_is_read_in_label_order_each_picture_cut_and_scaled()
    {
        using var folder = Small();
        var canvas = CanvasFolder.Open(folder.Root, ["Van_Gogh", "Seed_Images"], [1, 2]);
        Assert.That(canvas.Pictures, Has.Count.EqualTo(80));
        Assert.That(
            canvas.Pictures.Select(p => p.Label).Distinct(),
            Is.EqualTo(Enumerable.Range(900, 20).Concat(Enumerable.Range(760, 20)))
        );
        using var data = canvas.Load("canvas", new CanvasPreparation(8, true, ResampleFilter.Bicubic), p => p.Object < 2);
        Assert.That(data.Images.shape, Is.EqualTo(new long[] { 8, 3, 8, 8 }));
        Assert.That(data.LabelArray(), Is.EqualTo(new long[] { 900, 900, 901, 901, 760, 760, 761, 761 }));
        using var scope = NewDisposeScope();
        // The file is grey 100 with white at the left and right, which the square leaves out.
        Assert.That((data.Images.min().item<byte>(), data.Images.max().item<byte>()), Is.EqualTo(((byte)100, (byte)100)));
        using var whole = canvas.Load("canvas", CanvasPreparation.Classifier, p => p.Label == 900);
        Assert.That((whole.Images.shape[2], whole.Images.max().item<byte>()), Is.EqualTo((224L, (byte)255)));
    }

    [Test]
    public void What_is_missing_is_named()
    {
        using var folder = Small();
        File.Delete(folder["Van_Gogh/Human/2.png"]);
        Refusal.Of(() => CanvasFolder.Open(folder.Root, ["Van_Gogh"], [1, 2]), folder["Van_Gogh/Human"], "has no picture 2.jpg");
        Directory.Move(folder["Van_Gogh"], folder["VanGogh"]);
        Refusal.Of(
            () => CanvasFolder.Open(folder.Root, ["Van_Gogh"], [1]),
            folder.Root,
            "no folder 'Van_Gogh'",
            "'VanGogh'",
            "huggingface.co"
        );
        Refusal.Of(() => CanvasFolder.Open(folder.Root, ["VanGogh"]), "no theme 'VanGogh'", "did you mean 'Van_Gogh'?");
    }

    [Test]
    public void Evaluation_samples_go_through_seeds_themes_and_objects()
    {
        var sampling = new CanvasSampling();
        var all = sampling.Samples(CanvasWording.Paper);
        Assert.That(all, Has.Count.EqualTo(5100));
        Assert.That(all.Select(s => s.FileName), Is.Unique);
        Assert.That(
            (all[0].FileName, all[21].FileName, all[1020].FileName),
            Is.EqualTo(
                ("Abstractionism_Architectures_seed188.jpg", "Artist_Sketch_Bears_seed188.jpg", "Abstractionism_Architectures_seed288.jpg")
            )
        );
        var paper = sampling.Samples(CanvasWording.Paper, [45]);
        Assert.That(paper, Has.Count.EqualTo(100)); // AR: 20 objects, five times
        Assert.That(paper.Select(s => s.Label).Distinct(), Is.EqualTo(Enumerable.Range(900, 20)));
    }

    private static TempFolder Small()
    {
        var folder = new TempFolder();
        using var bitmap = new SKBitmap(new SKImageInfo(40, 20, SKColorType.Rgba8888, SKAlphaType.Opaque));
        for (var y = 0; y < 20; y++)
        for (var x = 0; x < 40; x++)
            bitmap.SetPixel(x, y, x is < 10 or >= 30 ? SKColors.White : new SKColor(100, 100, 100));
        using var png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        foreach (var theme in new[] { "Van_Gogh", "Seed_Images" })
        foreach (var thing in CanvasVocabulary.Objects)
        foreach (var number in new[] { 1, 2 })
            folder.Write($"{theme}/{thing}/{number}.png", png.ToArray());
        return folder;
    }
}
