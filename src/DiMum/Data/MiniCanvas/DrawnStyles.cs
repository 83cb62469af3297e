using static DiMum.Data.MiniCanvas.CanvasRandom;

namespace DiMum.Data.MiniCanvas;

/// <summary>Styles of flat areas and lines.</summary>
internal static class DrawnStyles
{
    private static readonly Rgb[] Light = [new(0.96, 0.93, 0.85), new(0.98, 0.82, 0.2), new(0.97, 0.62, 0.45)];
    private static readonly Rgb[] Dark = [new(0.08, 0.08, 0.1), new(0.8, 0.1, 0.12), new(0.08, 0.22, 0.62)];

    /// <summary>Two black lines cut the picture into fields of light flat colours; the figure changes between dark ones from field to field.</summary>
    public static Painter Abstractionism(CanvasScene scene, CanvasRandom random)
    {
        var (sin, cos) = Math.SinCos(random.Between(0, Math.PI));
        var (first, second, grain) = (random.Between(-5, 5), random.Between(-5, 5), random.Grain());
        return (x, y) =>
        {
            var (dx, dy) = (x - scene.Centre.X, y - scene.Centre.Y);
            var (a, b) = (cos * dx + sin * dy + first, cos * dy - sin * dx + second);
            var part = scene.At(x, y).Part;
            if (part < 0 && Math.Min(Math.Abs(a), Math.Abs(b)) < 0.5)
                return Dark[0];
            var field = (a > 0 ? 1 : 0) + (b > 0 ? 2 : 0);
            return part < 0 ? Light[(field + (int)(At(grain, 0, -1) * 3)) % 3] : Dark[(field + part) % 3];
        };
    }

    /// <summary>Pure flat colours with a black outline before one bright ground.</summary>
    public static Painter Cartoon(CanvasScene scene, CanvasRandom random)
    {
        var ground = Rgb.Hsv(scene.BackgroundHue, random.Between(0.3, 0.5), 1);
        return (x, y) =>
        {
            var seen = scene.At(x, y);
            if (seen.Edge < 0.65)
                return Rgb.Grey(0.02);
            return seen.Part < 0 ? ground : Rgb.Hsv(scene.Hue(seen.Part), 0.9, 0.35 + 0.65 * scene.Value(seen.Part));
        };
    }

    /// <summary>Glowing outlines in the dark.</summary>
    public static Painter NeonLines(CanvasScene scene, CanvasRandom random)
    {
        var hue = random.Unit();
        var night = Rgb.Hsv(random.Between(0.6, 0.85), 0.8, 0.12);
        return (x, y) =>
        {
            var seen = scene.At(x, y);
            var glow = Math.Exp(-seen.Edge / 1.6);
            var core = Math.Exp(-seen.Edge * seen.Edge / 0.3);
            var light = Rgb.Hsv(hue + 0.012 * (x - y), 1, 1);
            return night.Plus(light.Times(0.85 * glow)).Plus(Rgb.Grey(0.7 * core));
        };
    }

    /// <summary>Grey outlines on paper, and hatching that is denser where a part is darker.</summary>
    public static Painter PencilDrawing(CanvasScene scene, CanvasRandom random)
    {
        var paper = random.Between(0.9, 0.97);
        var (sin, cos) = Math.SinCos(Math.PI / 4 + random.Between(-0.15, 0.15));
        var phase = random.Between(0, 3);
        var grain = random.Grain();
        return (x, y) =>
        {
            var seen = scene.At(x, y);
            var grey = paper - 0.1 * Smooth(grain, x / 2, y / 2);
            if (seen.Part >= 0)
            {
                var stroke = 0.5 + 0.5 * Math.Cos(2 * Math.PI * (cos * x + sin * y + phase) / 3.2);
                grey -= (0.95 - 0.6 * scene.Value(seen.Part)) * stroke * stroke;
            }

            var line = 1 - Ramp((seen.Edge - 0.25) / 0.7);
            return Rgb.Grey(Math.Max(0.08, grey) * (1 - 0.85 * line));
        };
    }
}
