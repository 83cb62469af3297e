using SkiaSharp;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data.UnlearnCanvas;

/// <summary>One picture of the data set.</summary>
/// <param name="Theme">Index of its theme.</param>
/// <param name="Object">Index of its object.</param>
/// <param name="Number">1…20.</param>
/// <param name="Path">The file.</param>
public readonly record struct CanvasPicture(int Theme, int Object, int Number, string Path)
{
    /// <summary>theme·20 + object.</summary>
    public int Label => (Theme * CanvasVocabulary.Objects.Count) + Object;
}

/// <summary>How a picture becomes what a network is given.</summary>
/// <param name="Side">Side of the result, pixels.</param>
/// <param name="CentreSquare">Whether the largest centred square is cut out first; otherwise the sides are scaled each by itself.</param>
/// <param name="Filter">How it is scaled.</param>
public sealed record CanvasPreparation(int Side, bool CentreSquare, ResampleFilter Filter)
{
    /// <summary>SalUn, EraseDiff and Scissorhands, and the paper's resolution: 512, cut, bicubic, never mirrored.</summary>
    public static CanvasPreparation Unlearning { get; } = new(512, true, ResampleFilter.Bicubic);

    /// <summary>The fine-tuning's and concept ablation's resolution: 256, cut; mirrored by half where it is trained on.</summary>
    public static CanvasPreparation Small { get; } = new(256, true, ResampleFilter.Bicubic);

    /// <summary>The classifiers': 224, not cut, bilinear.</summary>
    public static CanvasPreparation Classifier { get; } = new(224, false, ResampleFilter.Bilinear);

    /// <summary>A picture prepared, uint8 [3,side,side].</summary>
    /// <exception cref="UserError">The file is no readable image.</exception>
    public Tensor Read(string path)
    {
        using var whole = ImageFile.Decode(path).Rgba;
        var side = Math.Min(whole.Width, whole.Height);
        using var cut = new SKBitmap();
        if (CentreSquare)
            whole.ExtractSubset(cut, SKRectI.Create((whole.Width - side) / 2, (whole.Height - side) / 2, side, side));
        var source = CentreSquare ? cut : whole;
        var planes = Resample.Planes(ImageFile.Planes(source, 3), source.Height, source.Width, Side, Side, Filter);
        return tensor(planes, [3, Side, Side], ScalarType.Byte);
    }
}

/// <summary>
/// UnlearnCanvas as it is laid out: <c>ROOT/&lt;Theme&gt;/&lt;Object&gt;/&lt;1…20&gt;.jpg</c>, photographs in <c>Seed_Images</c>. Only names are read when
/// it is opened.
/// </summary>
public sealed class CanvasFolder
{
    /// <summary>Pictures of a theme and object.</summary>
    public const int PicturesEach = 20;

    /// <summary>Where the data set is published.</summary>
    public const string Sources =
        "https://huggingface.co/datasets/OPTML-Group/UnlearnCanvas or the folder linked from github.com/OPTML-Group/UnlearnCanvas";

    private const string Layout = "UnlearnCanvas: <Theme>/<Object>/<1…20>.jpg";
    private static readonly string[] Extensions = [".jpg", ".jpeg", ".png"];

    private CanvasFolder(string root, IReadOnlyList<CanvasPicture> pictures) => (Root, Pictures) = (root, pictures);

    /// <summary>Full path.</summary>
    public string Root { get; }

    /// <summary>All pictures, by theme, object and number.</summary>
    public IReadOnlyList<CanvasPicture> Pictures { get; }

    /// <summary>Opens the folder.</summary>
    /// <param name="folder">Its root.</param>
    /// <param name="themes">The themes wanted; null wants all 51.</param>
    /// <param name="numbers">The pictures wanted of each theme and object; null wants 1…20.</param>
    /// <exception cref="UserError">A theme, an object or a picture is missing; the message names it.</exception>
    public static CanvasFolder Open(string folder, IReadOnlyList<string>? themes = null, IReadOnlyList<int>? numbers = null)
    {
        var root = InputFile.Folder(folder, Layout);
        var pictures = new List<CanvasPicture>();
        foreach (var theme in themes ?? CanvasVocabulary.Themes)
        {
            var place = IndexOf(theme);
            if (!Directory.Exists(Path.Combine(root, theme)))
                throw new UserError($"{root}: has no folder '{theme}'{Near(root, theme)}; expected {Layout}, from {Sources}");
            for (var o = 0; o < CanvasVocabulary.Objects.Count; o++)
                foreach (var number in numbers ?? [.. Enumerable.Range(1, PicturesEach)])
                    pictures.Add(new(place, o, number, Picture(Path.Combine(root, theme, CanvasVocabulary.Objects[o]), number)));
        }

        return new(root, pictures);
    }

    /// <summary>
    /// The first <paramref name="each"/> pictures of every theme and object, the last tenth of them (at least one) as the test split: the release has none.
    /// </summary>
    /// <param name="folder">The data set's root.</param>
    /// <param name="side">Of the prepared pictures, pixels.</param>
    /// <param name="each">2…20.</param>
    /// <exception cref="UserError">A theme, an object or a picture is missing or unreadable; the message names it.</exception>
    public static DataSplits Splits(string folder, int side, int each)
    {
        var canvas = Open(folder, numbers: [.. Enumerable.Range(1, each)]);
        var (preparation, trained) = (CanvasPreparation.Unlearning with { Side = side }, each - Math.Max(1, each / 10));
        return new(
            canvas.Load("unlearn-canvas/train", preparation, p => p.Number <= trained),
            canvas.Load("unlearn-canvas/test", preparation, p => p.Number > trained)
        );
    }

    /// <summary>The pictures that satisfy a condition, prepared, as a data set labelled theme·20 + object.</summary>
    public Dataset Load(string name, CanvasPreparation preparation, Func<CanvasPicture, bool>? keep = null)
    {
        var chosen = Pictures.Where(keep ?? (_ => true)).ToList();
        using var scope = NewDisposeScope();
        var images = empty([chosen.Count, 3, preparation.Side, preparation.Side], ScalarType.Byte);
        Parallel.For(
            0,
            chosen.Count,
            i =>
            {
                using var own = NewDisposeScope();
                images[i].copy_(preparation.Read(chosen[i].Path));
            }
        );
        return new(
            name,
            images,
            tensor(chosen.Select(p => (long)p.Label).ToArray(), ScalarType.Int64),
            CanvasVocabulary.Prompts(CanvasWording.Paper, CanvasVocabulary.Themes, CanvasVocabulary.Objects)
        );
    }

    private static int IndexOf(string theme)
    {
        var place = CanvasVocabulary.Themes.ToList().IndexOf(theme);
        if (place >= 0)
            return place;
        var nearest = Nearest.Of(theme, CanvasVocabulary.Themes);
        throw new UserError(
            $"UnlearnCanvas has no theme '{theme}'; "
                + (nearest is null ? $"known are {string.Join(", ", CanvasVocabulary.Themes)}" : $"did you mean '{nearest}'?")
        );
    }

    private static string Near(string root, string theme) =>
        Nearest.Of(theme, InputFile.List(root, folders: true).Select(f => Path.GetFileName(f))) is { } near ? $" (but '{near}')" : "";

    private static string Picture(string folder, int number) =>
        Extensions.Select(e => Path.Combine(folder, number + e)).FirstOrDefault(File.Exists)
        ?? throw new UserError($"{folder}: has no picture {number}.jpg; expected {Layout}, from {Sources}");
}
