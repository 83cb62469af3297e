using DiMum.Data.UnlearnCanvas;
using DiMum.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data.MiniCanvas;

/// <summary>
/// UnlearnCanvas in miniature, drawn here: every object in every style, 32×32 in colour. A picture's place, size, turn and colours are its own; its
/// style decides palette, texture and stroke. A label is style·objects + object. Deterministic: the same pictures on every machine.
/// </summary>
public static class MiniCanvasSet
{
    private const int Side = 32;
    private const int TrainEach = 100;
    private const int TestEach = 25;
    private static readonly Seed Root = new(20_251);

    /// <summary>Styles, in label order.</summary>
    public static IReadOnlyList<string> Styles { get; } = [.. MiniStyles.All.Select(s => s.Name)];

    /// <summary>Objects, in label order.</summary>
    public static IReadOnlyList<string> Objects { get; } = [.. MiniShape.All.Select(s => s.Name)];

    /// <summary>The prompts of all labels.</summary>
    public static IReadOnlyList<string> Prompts(CanvasWording wording) => CanvasVocabulary.Prompts(wording, Styles, Objects);

    /// <summary><c>mini-canvas/train</c> (100 pictures of a style and object) and <c>mini-canvas/test</c> (25).</summary>
    public static DataSplits Load()
    {
        string[] names = [.. Styles.SelectMany(style => Objects.Select(thing => $"{style} {thing}"))];
        Dataset Of(string part, int first, int each)
        {
            using var scope = NewDisposeScope();
            var bytes = new byte[names.Length * each * 3 * Side * Side];
            Parallel.For(0, names.Length * each, i => Draw(i / each, first + (i % each)).CopyTo(bytes, i * 3 * Side * Side));
            var labels = Enumerable.Range(0, names.Length * each).Select(i => (long)(i / each)).ToArray();
            return new(
                $"mini-canvas/{part}",
                tensor(bytes, [labels.Length, 3, Side, Side], ScalarType.Byte),
                tensor(labels, ScalarType.Int64),
                names
            );
        }

        return new(Of("train", 0, TrainEach), Of("test", TrainEach, TestEach));
    }

    // Planes [3,32,32] of picture «number» of a label.
    private static byte[] Draw(int label, int number)
    {
        var (paint, shape) = (MiniStyles.All[label / Objects.Count].Paint, MiniShape.All[label % Objects.Count].Shape);
        var seed = Root.At($"{label}", number);
        var draws = Draws(seed, 9);
        var (radius, turn) = (8.5 + (3.5 * draws[0]), (draws[1] - 0.5) * 0.7);
        var (left, top) = ((Side / 2.0) + ((draws[2] - 0.5) * 7), (Side / 2.0) + ((draws[3] - 0.5) * 7));
        var chance = new Chance(draws[4], draws[5], draws[6], draws[7], (c, r) => Draws(seed.At("tile", (r * 64) + c), 1)[0]);
        var (cos, sin) = (Math.Cos(turn), Math.Sin(turn));
        var planes = new byte[3 * Side * Side];
        for (var y = 0; y < Side; y++)
        for (var x = 0; x < Side; x++)
        {
            var (dx, dy) = ((x + 0.5 - left) / radius, (y + 0.5 - top) / radius);
            var distance = radius * shape.Distance((dx * cos) + (dy * sin), (dy * cos) - (dx * sin));
            var ink = paint(x + 0.5, y + 0.5, distance, chance);
            foreach (var (part, plane) in new[] { (ink.R, 0), (ink.G, 1), (ink.B, 2) })
                planes[(((plane * Side) + y) * Side) + x] = (byte)Math.Round(255 * Math.Clamp(part, 0, 1));
        }

        return planes;
    }

    // Numbers in 0…1 that depend on the seed alone.
    private static double[] Draws(Seed seed, int count) =>
        [.. Enumerable.Range(0, count).Select(i => seed.At("draw", i).Value / (double)long.MaxValue)];
}
