namespace DiMum.Data.MiniCanvas;

/// <summary>Signed distance of (x, y) to a shape's edge, negative inside; y points down.</summary>
internal delegate double Shape(double x, double y);

/// <summary>Shapes as signed distances (after I. Quilez, «2D distance functions»); lengths in units of an object's half size.</summary>
internal static class Shapes
{
    public static Shape Circle(double cx, double cy, double radius) => (x, y) => Length(x - cx, y - cy) - radius;

    /// <summary>Half axes a and b, turned by <paramref name="turn"/> radians. To first order: exact on the edge, close to it nearby.</summary>
    public static Shape Ellipse(double cx, double cy, double a, double b, double turn = 0)
    {
        var (sin, cos) = Math.SinCos(turn);
        return (x, y) =>
        {
            var (dx, dy) = (x - cx, y - cy);
            var (u, v) = ((cos * dx + sin * dy) / a, (cos * dy - sin * dx) / b);
            var k = Length(u, v);
            var slope = Length(u / a, v / b);
            return slope < 1e-9 ? -Math.Min(a, b) : k * (k - 1) / slope;
        };
    }

    /// <summary>Half width and half height.</summary>
    public static Shape Box(double cx, double cy, double halfWidth, double halfHeight) =>
        (x, y) =>
        {
            var (dx, dy) = (Math.Abs(x - cx) - halfWidth, Math.Abs(y - cy) - halfHeight);
            return Length(Math.Max(dx, 0), Math.Max(dy, 0)) + Math.Min(Math.Max(dx, dy), 0);
        };

    /// <summary>A line from (ax, ay) to (bx, by) of half width <paramref name="radius"/>, with round ends.</summary>
    public static Shape Line(double ax, double ay, double bx, double by, double radius) =>
        (x, y) => ToSegment(x, y, ax, ay, bx, by) - radius;

    /// <summary>A ring of half thickness <paramref name="half"/>.</summary>
    public static Shape Ring(double cx, double cy, double radius, double half) =>
        (x, y) => Math.Abs(Length(x - cx, y - cy) - radius) - half;

    /// <summary>Corners x₁, y₁, x₂, y₂, …</summary>
    public static Shape Polygon(params double[] corners) => (x, y) => ToPolygon(corners, x, y);

    /// <summary>Where any of them is.</summary>
    public static Shape Union(params Shape[] parts) =>
        (x, y) =>
        {
            var nearest = double.MaxValue;
            foreach (var part in parts)
                nearest = Math.Min(nearest, part(x, y));
            return nearest;
        };

    /// <summary>Where the first is and the second is not.</summary>
    public static Shape Without(Shape shape, Shape hole) => (x, y) => Math.Max(shape(x, y), -hole(x, y));

    public static double Length(double x, double y) => Math.Sqrt(x * x + y * y);

    private static double ToSegment(double x, double y, double ax, double ay, double bx, double by)
    {
        var (px, py, ex, ey) = (x - ax, y - ay, bx - ax, by - ay);
        var t = Math.Clamp((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1);
        return Length(px - t * ex, py - t * ey);
    }

    private static double ToPolygon(double[] corners, double x, double y)
    {
        var (nearest, inside) = (double.MaxValue, false);
        for (int i = 0, j = corners.Length - 2; i < corners.Length; j = i, i += 2)
        {
            var (ax, ay, bx, by) = (corners[i], corners[i + 1], corners[j], corners[j + 1]);
            nearest = Math.Min(nearest, ToSegment(x, y, ax, ay, bx, by));
            if (ay > y != by > y && x < (bx - ax) * (y - ay) / (by - ay) + ax)
                inside = !inside;
        }

        return inside ? -nearest : nearest;
    }
}
