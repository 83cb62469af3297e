using static DiMum.Data.MiniCanvas.Shapes;

namespace DiMum.Data.MiniCanvas;

/// <summary>A part of an object: its shape, and its natural colour as hue (0…1 around the colour circle), saturation and value.</summary>
internal sealed record CanvasPart(Shape Shape, double Hue, double Saturation, double Value);

/// <summary>What is drawn: parts from back to front within about [−1, 1]², y down.</summary>
/// <param name="Name">As prompts name it.</param>
/// <param name="Tilt">Largest turn to either side, radians.</param>
/// <param name="Parts">Back to front.</param>
internal sealed record CanvasObject(string Name, double Tilt, params CanvasPart[] Parts)
{
    /// <summary>The objects in the order of their labels.</summary>
    public static IReadOnlyList<CanvasObject> All { get; } = [Boat(), Butterfly(), Cup(), Fish(), Flower(), House(), Star(), Tree()];

    private static CanvasObject Boat() =>
        new(
            "Boat",
            0.22,
            new(Box(-0.02, -0.2, 0.06, 0.72), 0.08, 0.55, 0.4),
            new(Polygon(0.1, -0.98, 0.1, 0.2, 0.88, 0.2), 0.12, 0.25, 0.98),
            new(Polygon(-0.14, -0.7, -0.14, 0.2, -0.72, 0.2), 0.0, 0.75, 0.9),
            new(Polygon(-1, 0.32, 1, 0.32, 0.6, 0.86, -0.62, 0.86), 0.06, 0.75, 0.6)
        );

    private static CanvasObject Butterfly() =>
        new(
            "Butterfly",
            0.4,
            new(Union(Line(0, -0.4, -0.3, -0.92, 0.05), Line(0, -0.4, 0.3, -0.92, 0.05)), 0.75, 0.4, 0.25),
            new(Union(Ellipse(-0.42, 0.46, 0.36, 0.42, 0.5), Ellipse(0.42, 0.46, 0.36, 0.42, -0.5)), 0.1, 0.85, 0.98),
            new(Union(Ellipse(-0.55, -0.25, 0.36, 0.54, -0.75), Ellipse(0.55, -0.25, 0.36, 0.54, 0.75)), 0.78, 0.65, 0.85),
            new(Union(Circle(-0.6, -0.28, 0.17), Circle(0.6, -0.28, 0.17)), 0.15, 0.7, 1),
            new(Ellipse(0, 0.08, 0.12, 0.62), 0.75, 0.4, 0.25)
        );

    private static CanvasObject Cup() =>
        new(
            "Cup",
            0.22,
            new(Ellipse(-0.06, 0.78, 0.86, 0.17), 0.58, 0.25, 0.85),
            new(Ring(0.52, -0.05, 0.3, 0.1), 0.55, 0.7, 0.75),
            new(Polygon(-0.74, -0.6, 0.54, -0.6, 0.36, 0.72, -0.56, 0.72), 0.55, 0.6, 0.85),
            new(Ellipse(-0.1, -0.6, 0.64, 0.19), 0.07, 0.7, 0.42)
        );

    private static CanvasObject Fish() =>
        new(
            "Fish",
            0.35,
            new(Polygon(-0.4, 0, -1.02, -0.52, -0.86, 0, -1.02, 0.52), 0.04, 0.85, 0.9),
            new(Polygon(-0.28, -0.2, 0.1, -0.78, 0.42, -0.2), 0.04, 0.85, 0.9),
            new(Ellipse(0.16, 0.02, 0.78, 0.47), 0.09, 0.8, 0.98),
            new(Without(Ellipse(0.16, 0.02, 0.78, 0.47), Box(-0.98, 0, 1.06, 2)), 0.02, 0.75, 0.8),
            new(Circle(0.56, -0.1, 0.11), 0.6, 0.6, 0.15)
        );

    private static CanvasObject Flower() =>
        new(
            "Flower",
            0.25,
            new(Line(0, 0, 0, 0.95, 0.07), 0.34, 0.75, 0.5),
            new(Union(Ellipse(-0.32, 0.62, 0.3, 0.13, 0.45), Ellipse(0.32, 0.7, 0.3, 0.13, -0.45)), 0.32, 0.75, 0.62),
            new(Petals(), 0.93, 0.6, 0.95),
            new(Circle(0, -0.33, 0.21), 0.13, 0.85, 0.98)
        );

    private static CanvasObject House() =>
        new(
            "House",
            0.15,
            new(Box(0.46, -0.62, 0.12, 0.3), 0.04, 0.6, 0.5),
            new(Box(0, 0.34, 0.7, 0.56), 0.11, 0.35, 0.95),
            new(Polygon(-0.98, -0.12, 0.98, -0.12, 0, -0.92), 0.01, 0.75, 0.78),
            new(Box(-0.28, 0.52, 0.19, 0.38), 0.07, 0.65, 0.45),
            new(Box(0.3, 0.24, 0.2, 0.2), 0.55, 0.55, 0.9)
        );

    private static CanvasObject Star() =>
        new("Star", 0.6, new(FivePoints(1.02, 0.45), 0.13, 0.85, 0.98), new(FivePoints(0.52, 0.24), 0.07, 0.8, 0.9));

    private static CanvasObject Tree() =>
        new(
            "Tree",
            0.15,
            new(Polygon(-0.13, 0, 0.13, 0, 0.2, 0.98, -0.2, 0.98), 0.07, 0.6, 0.45),
            new(Union(Circle(-0.46, -0.02, 0.4), Circle(0.46, -0.02, 0.4), Circle(0, -0.5, 0.47), Circle(0, 0, 0.4)), 0.33, 0.7, 0.6),
            new(Union(Circle(-0.3, -0.1, 0.13), Circle(0.36, -0.02, 0.13), Circle(0.04, -0.55, 0.13)), 0.0, 0.8, 0.88)
        );

    private static Shape Petals() =>
        Union([
            .. Enumerable
                .Range(0, 6)
                .Select(i => Math.SinCos(Math.PI / 3 * i))
                .Select(d => Circle(0.38 * d.Cos, -0.33 + 0.38 * d.Sin, 0.25)),
        ]);

    private static Shape FivePoints(double outer, double inner) =>
        Polygon([
            .. Enumerable
                .Range(0, 10)
                .SelectMany(i =>
                {
                    var (sin, cos) = Math.SinCos(Math.PI / 5 * i);
                    var radius = i % 2 == 0 ? outer : inner;
                    return new[] { radius * sin, -radius * cos };
                }),
        ]);
}
