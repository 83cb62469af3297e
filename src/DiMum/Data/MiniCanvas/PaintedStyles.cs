using static DiMum.Data.MiniCanvas.CanvasRandom;

namespace DiMum.Data.MiniCanvas;

/// <summary>Styles of strokes, dots, tiles and washes.</summary>
internal static class PaintedStyles
{
    /// <summary>Square stones of uneven brightness in dark mortar.</summary>
    public static Painter Mosaic(CanvasScene scene, CanvasRandom random)
    {
        const double tile = 4;
        var (left, top) = (random.Between(0, tile), random.Between(0, tile));
        var grain = random.Grain();
        var ground = Rgb.Hsv(scene.BackgroundHue, 0.2, 0.86);
        return (x, y) =>
        {
            double u = (x + left) / tile,
                v = (y + top) / tile;
            var (i, j) = ((int)u, (int)v);
            if (Math.Min(u - i, v - j) < 0.22)
                return Rgb.Grey(0.25);
            var part = scene.At(x, y).Part;
            var stone = part < 0 ? ground : Rgb.Hsv(scene.Hue(part), 0.85, 0.3 + 0.6 * scene.Value(part));
            return stone.Times(0.8 + 0.35 * At(grain, i, j));
        };
    }

    /// <summary>Round dots of broken colour, and their paler mean between them.</summary>
    public static Painter Pointillism(CanvasScene scene, CanvasRandom random)
    {
        const double pitch = 3;
        var (left, top) = (random.Between(0, pitch), random.Between(0, pitch));
        var grain = random.Grain();
        var paper = new Rgb(0.98, 0.96, 0.88);
        return (x, y) =>
        {
            var row = (int)((y + top) / pitch);
            var u = (x + left) / pitch + 0.5 * (row % 2);
            var column = (int)u;
            var inside = Shapes.Length(u - column - 0.5, (y + top) / pitch - row - 0.5) < 0.43;
            var part = scene.At(x, y).Part;
            var broken = inside ? 0.16 * (At(grain, column, row) - 0.5) : 0;
            var colour =
                part < 0 ? Rgb.Hsv(scene.BackgroundHue + broken, 0.5, 0.95) : Rgb.Hsv(scene.Hue(part) + broken, 0.95, scene.Value(part));
            return inside ? colour : paper.To(colour, part < 0 ? 0.1 : 0.4);
        };
    }

    /// <summary>Short curved strokes of yellow in blue, turning around whirls in the sky and around the object inside it.</summary>
    public static Painter VanGogh(CanvasScene scene, CanvasRandom random)
    {
        const double width = 2.7;
        (double X, double Y)[] whirls = [.. Enumerable.Range(0, 3).Select(_ => (random.Between(0, 32), random.Between(0, 32)))];
        var (grain, warm) = (random.Grain(), random.Between(-0.03, 0.03));
        return (x, y) =>
        {
            var (part, edge) = scene.At(x, y);
            if (edge < 0.5)
                return new(0.05, 0.06, 0.2);
            var (cx, cy) = part < 0 ? Nearest(whirls, x, y) : scene.Centre;
            var (dx, dy) = (x - cx, y - cy);
            var distance = Shapes.Length(dx, dy) + 0.6 * Smooth(grain, x / 5, y / 5);
            var ring = (int)(distance / width);
            var along = (Math.Atan2(dy, dx) / (2 * Math.PI) + 1 + At(grain, ring, -7)) * (3 + 3 * ring);
            var tone = At(grain, ring, (int)along + 100 * (part + 2));
            var across = distance / width - ring;
            var relief = 0.72 + 0.28 * Math.Sin(Math.PI * across);
            var sky = tone < 0.25 ? new Rgb(0.95, 0.85, 0.35) : Rgb.Hsv(0.6 + 0.05 * tone, 0.85, 0.35 + 0.45 * tone);
            if (part < 0)
                return sky.Times(relief);
            var natural = scene.Hue(part) - Math.Floor(scene.Hue(part));
            var hue = 0.12 + warm + 0.22 * (natural - 0.4) + 0.05 * (tone - 0.5);
            return Rgb.Hsv(hue, 0.95, (0.2 + 0.8 * scene.Value(part)) * (0.75 + 0.4 * tone)).Times(relief);
        };
    }

    /// <summary>Thin pale paint that runs: soft outlines, blooms, pigment gathered at the rim, much white paper.</summary>
    public static Painter Watercolor(CanvasScene scene, CanvasRandom random)
    {
        var (grain, wash) = (random.Grain(), Rgb.Hsv(scene.BackgroundHue, 0.28, 1));
        return (x, y) =>
        {
            var (wx, wy) = (x + 2.2 * (Smooth(grain, x / 4, y / 4) - 0.5), y + 2.2 * (Smooth(grain + 1, x / 4, y / 4) - 0.5));
            var seen = scene.At(wx, wy);
            var bloom = Smooth(grain + 2, x / 6, y / 6);
            var paper = Rgb.Grey(0.985).To(wash, 0.75 * Ramp(1.6 * bloom - 0.5) * Ramp(1.4 - y / 24));
            if (seen.Part < 0)
                return paper;
            var strength = Ramp(seen.Edge / 1.5) * (0.55 + 0.4 * bloom) + 0.18 * Math.Exp(-Math.Pow((seen.Edge - 1.2) / 0.6, 2));
            return paper.To(Rgb.Hsv(scene.Hue(seen.Part), 0.62, 0.55 + 0.42 * scene.Value(seen.Part)), strength);
        };
    }

    private static (double X, double Y) Nearest((double X, double Y)[] points, double x, double y)
    {
        var best = points[0];
        foreach (var p in points)
            if (Shapes.Length(x - p.X, y - p.Y) < Shapes.Length(x - best.X, y - best.Y))
                best = p;
        return best;
    }
}
