using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data.MiniCanvas;

/// <summary>How a prompt is worded.</summary>
public enum CanvasWording
{
    /// <summary>The paper's, section VI-B: «An image of {CLASS} in {ART STYLE} style.»</summary>
    Paper,

    /// <summary>The released code's (UnlearnCanvas@920cfd1): «A {Object} image in {Style} style.»</summary>
    Released,
}

/// <summary>
/// UnlearnCanvas in miniature, drawn by this program: 8 objects × 8 art styles, RGB, 32×32 pixels, place, size, turn, side and colours of every image
/// drawn from (seed, index). No files, no downloads. A label is a cell, style·8 + object; a prompt names both.
/// </summary>
public static class CanvasData
{
    /// <summary>Seed of the data set that <see cref="Load"/> makes.</summary>
    public const long StandardSeed = 20240907;

    /// <summary>Images a cell in the training split.</summary>
    public const int TrainPerCell = 100;

    /// <summary>Images a cell in the test split.</summary>
    public const int TestPerCell = 20;

    /// <summary>Side, pixels.</summary>
    public const int Side = Picture.Side;

    /// <summary>The 8 objects, in label order.</summary>
    public static IReadOnlyList<string> Objects { get; } = [.. CanvasObject.All.Select(o => o.Name)];

    /// <summary>The 8 styles, in label order.</summary>
    public static IReadOnlyList<string> Styles { get; } = [.. CanvasStyle.All.Select(s => s.Name)];

    /// <summary>The cells, in label order: «Van Gogh/House».</summary>
    public static IReadOnlyList<string> Cells { get; } = [.. Styles.SelectMany(s => Objects.Select(o => $"{s}/{o}"))];

    /// <summary>The label of an object in a style.</summary>
    public static int Cell(int style, int thing) => style * Objects.Count + thing;

    /// <summary>Style of a cell.</summary>
    public static int StyleOf(int cell) => cell / Objects.Count;

    /// <summary>Object of a cell.</summary>
    public static int ObjectOf(int cell) => cell % Objects.Count;

    /// <summary>The prompts of all cells, in label order.</summary>
    public static IReadOnlyList<string> Prompts(CanvasWording wording = CanvasWording.Paper) =>
        [.. Enumerable.Range(0, Cells.Count).Select(cell => Prompt(StyleOf(cell), ObjectOf(cell), wording))];

    /// <summary>The prompt of one cell.</summary>
    public static string Prompt(int style, int thing, CanvasWording wording = CanvasWording.Paper) =>
        wording == CanvasWording.Paper ? $"An image of {Objects[thing]} in {Styles[style]} style." : $"A {Objects[thing]} image in {Styles[style]} style.";

    /// <summary><c>mini-canvas/train</c> (6,400 images) and <c>mini-canvas/test</c> (1,280), uint8 [N,3,32,32], labels are cells.</summary>
    public static DataSplits Load() => new(Draw("mini-canvas/train", TrainPerCell, 0), Draw("mini-canvas/test", TestPerCell, TrainPerCell));

    /// <summary>Images of every cell, round after round over all cells: image i of the result is number first·K + i, of cell i mod K.</summary>
    /// <param name="name">Of the data set.</param>
    /// <param name="perCell">Images a cell.</param>
    /// <param name="first">Rounds to pass over, so that two sets of one seed need not share an image.</param>
    /// <param name="seed">Of all draws.</param>
    public static Dataset Draw(string name, int perCell, int first, long seed = StandardSeed)
    {
        var (cells, count) = (Cells.Count, perCell * Cells.Count);
        var pixels = new byte[count * Picture.Bytes];
        Parallel.For(
            0,
            count,
            i => Picture.Paint(seed, (long)first * cells + i, StyleOf(i % cells), ObjectOf(i % cells), pixels.AsSpan(i * Picture.Bytes, Picture.Bytes))
        );
        using var scope = NewDisposeScope();
        return new Dataset(
            name,
            tensor(pixels, [count, 3, Side, Side], ScalarType.Byte),
            tensor(Enumerable.Range(0, count).Select(i => (long)(i % cells)).ToArray(), ScalarType.Int64),
            Cells
        );
    }

    /// <summary>The same images labelled by style alone.</summary>
    public static Dataset ByStyle(Dataset data) => Relabelled(data, "style", StyleOf, Styles);

    /// <summary>The same images labelled by object alone.</summary>
    public static Dataset ByObject(Dataset data) => Relabelled(data, "object", ObjectOf, Objects);

    private static Dataset Relabelled(Dataset data, string what, Func<int, int> of, IReadOnlyList<string> names)
    {
        using var scope = NewDisposeScope();
        var labels = data.LabelArray().Select(cell => (long)of((int)cell)).ToArray();
        return new Dataset($"{data.Name} by {what}", data.Images.alias(), tensor(labels, ScalarType.Int64, data.Labels.device), names);
    }
}
