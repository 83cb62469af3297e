using DiMum.Data.UnlearnCanvas;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data.MiniCanvas;

/// <summary>
/// UnlearnCanvas in miniature, drawn by this program: 8 objects × 8 art styles in colour, 32×32 pixels; place, size, turn, side and colours of every
/// image drawn from (seed, index). No files, no downloads. A label is style·8 + object, and a prompt names both.
/// </summary>
public static class MiniCanvasSet
{
    /// <summary>Seed of what <see cref="Load"/> draws.</summary>
    public const long StandardSeed = 20_251_203;

    /// <summary>Images of a style and object in the training split.</summary>
    public const int TrainEach = 100;

    /// <summary>Images of a style and object in the test split.</summary>
    public const int TestEach = 20;

    /// <summary>Side, pixels.</summary>
    public const int Side = Picture.Side;

    /// <summary>The 8 objects, in label order.</summary>
    public static IReadOnlyList<string> Objects { get; } = [.. CanvasObject.All.Select(o => o.Name)];

    /// <summary>The 8 styles, in label order.</summary>
    public static IReadOnlyList<string> Styles { get; } = [.. CanvasStyle.All.Select(s => s.Name)];

    /// <summary>What each label is called: «Van Gogh House».</summary>
    public static IReadOnlyList<string> Cells { get; } = [.. Styles.SelectMany(s => Objects.Select(o => $"{s} {o}"))];

    /// <summary>Styles and objects with their labels and prompts.</summary>
    public static CanvasLabels Labels { get; } = new(Styles, Objects);

    /// <summary><c>mini-canvas/train</c> (6,400 images) and <c>mini-canvas/test</c> (1,280), uint8 [N,3,32,32].</summary>
    public static DataSplits Load() => new(Draw("mini-canvas/train", TrainEach, 0), Draw("mini-canvas/test", TestEach, TrainEach));

    /// <summary>
    /// Images of every label, round after round: image i of the result is number first·64 + i of the seed's pictures and has label i mod 64.
    /// </summary>
    /// <param name="name">Of the data set.</param>
    /// <param name="each">Images of a label.</param>
    /// <param name="first">Rounds that are passed over, so that two sets of one seed share no image.</param>
    /// <param name="seed">Of all draws.</param>
    public static Dataset Draw(string name, int each, int first, long seed = StandardSeed)
    {
        var (labels, count) = (Cells.Count, each * Cells.Count);
        var pixels = new byte[count * Picture.Bytes];
        Parallel.For(
            0,
            count,
            i =>
                Picture.Paint(
                    seed,
                    (long)first * labels + i,
                    Labels.StyleOf(i % labels),
                    Labels.ObjectOf(i % labels),
                    pixels.AsSpan(i * Picture.Bytes, Picture.Bytes)
                )
        );
        using var scope = NewDisposeScope();
        return new Dataset(
            name,
            tensor(pixels, [count, 3, Side, Side], ScalarType.Byte),
            tensor(Enumerable.Range(0, count).Select(i => (long)(i % labels)).ToArray(), ScalarType.Int64),
            Cells
        );
    }
}
