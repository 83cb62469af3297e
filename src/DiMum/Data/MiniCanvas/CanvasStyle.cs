namespace DiMum.Data.MiniCanvas;

/// <summary>The colour at a point of one picture, pixels.</summary>
internal delegate Rgb Painter(double x, double y);

/// <summary>A way to paint a scene. The names are UnlearnCanvas's; what is painted only plays them.</summary>
/// <param name="Name">As prompts name it.</param>
/// <param name="Begin">Draws what one picture needs, and paints it.</param>
internal sealed record CanvasStyle(string Name, Func<CanvasScene, CanvasRandom, Painter> Begin)
{
    /// <summary>The styles in the order of their labels: alphabetical, as UnlearnCanvas's.</summary>
    public static IReadOnlyList<CanvasStyle> All { get; } =
    [
        new("Abstractionism", DrawnStyles.Abstractionism),
        new("Cartoon", DrawnStyles.Cartoon),
        new("Mosaic", PaintedStyles.Mosaic),
        new("Neon Lines", DrawnStyles.NeonLines),
        new("Pencil Drawing", DrawnStyles.PencilDrawing),
        new("Pointillism", PaintedStyles.Pointillism),
        new("Van Gogh", PaintedStyles.VanGogh),
        new("Watercolor", PaintedStyles.Watercolor),
    ];
}
