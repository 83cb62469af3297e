namespace DiMum.Data.MiniCanvas;

/// <summary>A colour, each part in 0…1.</summary>
internal readonly record struct Ink(double R, double G, double B)
{
    /// <summary>This colour under <paramref name="over"/> of a share.</summary>
    public Ink Under(Ink over, double share) => new(R + ((over.R - R) * share), G + ((over.G - G) * share), B + ((over.B - B) * share));

    /// <summary>Hue in turns, saturation and value in 0…1.</summary>
    public static Ink Of(double hue, double saturation, double value)
    {
        // The nearer a part's own hue, the less the saturation takes from it.
        double Part(double shift)
        {
            var k = ((hue + shift) * 6) % 6;
            return value * (1 - (saturation * (1 - Math.Clamp(Math.Abs(k - 3) - 1, 0, 1))));
        }

        return new(Part(0), Part(4.0 / 6), Part(2.0 / 6));
    }
}

/// <summary>What of a picture differs from another of its kind, each in 0…1.</summary>
internal readonly record struct Chance(double Hue, double Phase, double Angle, double Width, Func<int, int, double> Tile);

/// <summary>The ink at a place.</summary>
/// <param name="x">Pixels from the left.</param>
/// <param name="y">Pixels from the top.</param>
/// <param name="distance">To the outline in pixels, negative inside.</param>
/// <param name="chance">The picture's own.</param>
internal delegate Ink Paint(double x, double y, double distance, Chance chance);

/// <summary>How a shape is painted: palette, texture and stroke, the background's too.</summary>
internal static class MiniStyles
{
    private static readonly Ink White = new(0.97, 0.97, 0.97);
    private static readonly Ink Black = new(0.04, 0.04, 0.06);

    /// <summary>The styles by name, in label order.</summary>
    public static IReadOnlyList<(string Name, Paint Paint)> All { get; } =
    [
        ("Dapple", Dapple),
        ("Flat", Flat),
        ("Mosaic", Mosaic),
        ("Neon", Neon),
        ("Silhouette", Silhouette),
        ("Sketch", Sketch),
        ("Stripes", Stripes),
    ];

    // One strong colour on white.
    private static Ink Flat(double x, double y, double distance, Chance chance) =>
        White.Under(Ink.Of(chance.Hue, 0.85, 0.85), Inside(distance));

    // Bright bars across a pale field, slanted.
    private static Ink Stripes(double x, double y, double distance, Chance chance)
    {
        var slant = (chance.Angle - 0.5) * 0.8 + Math.PI / 4;
        var wave = Math.Sin(((x * Math.Cos(slant)) + (y * Math.Sin(slant)) + (6 * chance.Phase)) * 2 * Math.PI / 6);
        var bars = Ink.Of(chance.Hue, 0.9, 0.75).Under(White, Math.Clamp(0.5 + (2 * wave), 0, 1));
        return new Ink(0.96, 0.9, 0.72).Under(bars, Inside(distance)).Under(Ink.Of(chance.Hue, 0.9, 0.4), Line(distance, 1));
    }

    // A bright line on black with a glow around it.
    private static Ink Neon(double x, double y, double distance, Chance chance)
    {
        var colour = Ink.Of(chance.Hue, 0.9, 1);
        return Black.Under(colour, 0.55 * Math.Exp(-Math.Abs(distance) / 2.2)).Under(colour.Under(White, 0.4), Line(distance, 1.6));
    }

    // Pencil: a dark line on grey paper, hatched inside.
    private static Ink Sketch(double x, double y, double distance, Chance chance)
    {
        var paper = new Ink(0.8, 0.79, 0.76);
        var hatch = Math.Clamp(Math.Sin((x - y + (4 * chance.Phase)) * 2 * Math.PI / 4) - 0.2, 0, 1);
        return paper
            .Under(new Ink(0.35, 0.35, 0.36), 0.5 * hatch * Inside(distance))
            .Under(Black, Line(distance, 1 + (0.6 * chance.Width)));
    }

    // Tiles of 4 pixels with grout; two families of colours.
    private static Ink Mosaic(double x, double y, double distance, Chance chance)
    {
        var (column, row) = ((int)Math.Floor(x / 4), (int)Math.Floor(y / 4));
        var grout = x - (4 * column) < 1 || y - (4 * row) < 1;
        if (grout)
            return new(0.25, 0.24, 0.22);
        var shade = chance.Tile(column, row);
        var field = Ink.Of(0.55 + (0.08 * shade), 0.35, 0.75 + (0.2 * shade));
        return field.Under(Ink.Of(chance.Hue * 0.18, 0.85, 0.65 + (0.35 * shade)), Inside(distance));
    }

    // Dark against an evening sky.
    private static Ink Silhouette(double x, double y, double distance, Chance chance)
    {
        var sky = Ink.Of(0.75 + (0.08 * chance.Hue), 0.6, 0.55)
            .Under(new Ink(1, 0.6, 0.2), Math.Clamp((y / 32) + (0.3 * (chance.Phase - 0.5)), 0, 1));
        return sky.Under(Black, Inside(distance));
    }

    // Round spots of colour, on a field of green.
    private static Ink Dapple(double x, double y, double distance, Chance chance)
    {
        var (u, v) = (x + (5 * chance.Phase), y + (5 * chance.Angle));
        var (du, dv) = (u - (5 * Math.Floor(u / 5)) - 2.5, v - (5 * Math.Floor(v / 5)) - 2.5);
        var spot = Math.Clamp(2.4 - Math.Sqrt((du * du) + (dv * dv)), 0, 1);
        var shape = new Ink(0.98, 0.93, 0.85).Under(Ink.Of(chance.Hue, 0.9, 0.9), spot);
        return new Ink(0.35, 0.6, 0.35).Under(new Ink(0.25, 0.48, 0.28), spot).Under(shape, Inside(distance));
    }

    private static double Inside(double distance) => Math.Clamp(0.5 - distance, 0, 1);

    private static double Line(double distance, double width) => Math.Clamp(0.5 + (width / 2) - Math.Abs(distance), 0, 1);
}
