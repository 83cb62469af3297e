namespace DiMum.Data.MiniCanvas;

/// <summary>An outline of unit size around the origin, y downwards: a circle or a closed polygon.</summary>
internal sealed class MiniShape
{
    private readonly (double X, double Y)[] corners; // none for the circle

    private MiniShape(params (double, double)[] corners) => this.corners = corners;

    /// <summary>The shapes by name, in label order.</summary>
    public static IReadOnlyList<(string Name, MiniShape Shape)> All { get; } =
    [
        ("Circle", new()),
        ("Cross", new(Cross(0.36))),
        ("Heart", new(Heart())),
        ("Square", new((-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8))),
        ("Star", new(Star(5, 0.42))),
        ("Triangle", new((0, -1), (0.92, 0.72), (-0.92, 0.72))),
    ];

    /// <summary>Signed distance to the outline, negative inside.</summary>
    public double Distance(double x, double y)
    {
        if (corners.Length == 0)
            return Math.Sqrt((x * x) + (y * y)) - 0.88;
        var (least, inside) = (double.MaxValue, false);
        for (int i = 0, j = corners.Length - 1; i < corners.Length; j = i++)
        {
            var (a, b) = (corners[i], corners[j]);
            var (ex, ey, px, py) = (b.X - a.X, b.Y - a.Y, x - a.X, y - a.Y);
            var along = Math.Clamp(((px * ex) + (py * ey)) / ((ex * ex) + (ey * ey)), 0, 1);
            var (dx, dy) = (px - (ex * along), py - (ey * along));
            least = Math.Min(least, (dx * dx) + (dy * dy));
            if (a.Y > y != b.Y > y && x < (ex * (y - a.Y) / ey) + a.X)
                inside = !inside;
        }

        return inside ? -Math.Sqrt(least) : Math.Sqrt(least);
    }

    private static (double, double)[] Cross(double arm)
    {
        const double end = 0.95;
        return
        [
            (-arm, -end),
            (arm, -end),
            (arm, -arm),
            (end, -arm),
            (end, arm),
            (arm, arm),
            (arm, end),
            (-arm, end),
            (-arm, arm),
            (-end, arm),
            (-end, -arm),
            (-arm, -arm),
        ];
    }

    private static (double, double)[] Star(int points, double inner) =>
        [
            .. Enumerable
                .Range(0, 2 * points)
                .Select(k => (Angle: (Math.PI * k / points) - (Math.PI / 2), Radius: k % 2 == 0 ? 1.05 : inner))
                .Select(p => (p.Radius * Math.Cos(p.Angle), p.Radius * Math.Sin(p.Angle))),
        ];

    private static (double, double)[] Heart() =>
        [
            .. Enumerable
                .Range(0, 32)
                .Select(k => 2 * Math.PI * k / 32)
                .Select(t =>
                    (Math.Pow(Math.Sin(t), 3), -((13 * Math.Cos(t)) - (5 * Math.Cos(2 * t)) - (2 * Math.Cos(3 * t)) - Math.Cos(4 * t)) / 15)
                ),
        ];
}
