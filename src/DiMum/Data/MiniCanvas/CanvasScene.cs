namespace DiMum.Data.MiniCanvas;

/// <summary>A colour of linear mixing, components in 0…1 (beyond them while it is being made).</summary>
internal readonly record struct Rgb(double R, double G, double B)
{
    public static Rgb Grey(double value) => new(value, value, value);

    /// <summary>From hue (any real, period 1), saturation and value in 0…1.</summary>
    public static Rgb Hsv(double hue, double saturation, double value)
    {
        double Channel(double n)
        {
            var k = (n + hue * 6) % 6;
            k = k < 0 ? k + 6 : k;
            return value - value * saturation * Math.Clamp(Math.Min(k, 4 - k), 0, 1);
        }

        return new(Channel(5), Channel(3), Channel(1));
    }

    /// <summary>This colour, with a share <paramref name="t"/> of another.</summary>
    public Rgb To(Rgb other, double t) => new(R + (other.R - R) * t, G + (other.G - G) * t, B + (other.B - B) * t);

    public Rgb Times(double factor) => new(R * factor, G * factor, B * factor);

    public Rgb Plus(Rgb other) => new(R + other.R, G + other.G, B + other.B);

    /// <summary>Luma of ITU-R BT.601.</summary>
    public double Luma => 0.299 * R + 0.587 * G + 0.114 * B;
}

/// <summary>What lies at a point of the picture.</summary>
/// <param name="Part">Index of the part that is seen there; −1 for the background.</param>
/// <param name="Edge">Distance to the nearest edge that is seen near there, pixels.</param>
internal readonly record struct Seen(int Part, double Edge);

/// <summary>One object put somewhere in a picture: its place, size, turn, side and colours, all drawn.</summary>
internal sealed class CanvasScene
{
    /// <summary>Side of a picture, pixels.</summary>
    public const int Side = 32;

    private readonly CanvasObject drawn;
    private readonly double centreX;
    private readonly double centreY;
    private readonly double size;
    private readonly double mirror;
    private readonly double sin;
    private readonly double cos;
    private readonly double hueShift;

    public CanvasScene(CanvasObject drawn, CanvasRandom random)
    {
        this.drawn = drawn;
        size = random.Between(0.7, 0.92) * Side / 2;
        var room = Side / 2.0 - size + 0.5;
        centreX = Side / 2.0 + random.Between(-room, room);
        centreY = Side / 2.0 + random.Between(-room, room);
        mirror = random.Unit() < 0.5 ? -1 : 1;
        (sin, cos) = Math.SinCos(random.Between(-drawn.Tilt, drawn.Tilt));
        hueShift = random.Between(-0.09, 0.09);
        BackgroundHue = random.Between(0.42, 0.68);
        Centre = (centreX, centreY);
    }

    /// <summary>The object's centre, pixels.</summary>
    public (double X, double Y) Centre { get; }

    /// <summary>Between green and violet.</summary>
    public double BackgroundHue { get; }

    public int PartCount => drawn.Parts.Length;

    /// <summary>Hue of a part in this picture.</summary>
    public double Hue(int part) => drawn.Parts[part].Hue + hueShift;

    /// <summary>Natural brightness of a part, 0…1.</summary>
    public double Value(int part) => drawn.Parts[part].Value;

    /// <summary>Natural colour of a part in this picture.</summary>
    public Rgb Colour(int part) => Rgb.Hsv(Hue(part), drawn.Parts[part].Saturation, drawn.Parts[part].Value);

    /// <summary>The part seen at (x, y), pixels, and how near its edge is.</summary>
    public Seen At(double x, double y)
    {
        var (dx, dy) = ((x - centreX) / size, (y - centreY) / size);
        var (u, v) = (mirror * (cos * dx + sin * dy), cos * dy - sin * dx);
        var edge = double.MaxValue;
        for (var i = drawn.Parts.Length - 1; i >= 0; i--)
        {
            var distance = drawn.Parts[i].Shape(u, v);
            edge = Math.Min(edge, Math.Abs(distance));
            if (distance < 0)
                return new(i, edge * size);
        }

        return new(-1, edge * size);
    }
}
