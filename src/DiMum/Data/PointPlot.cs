using SkiaSharp;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>Points of the plane as a PNG, a colour a class: what a contact sheet is to images.</summary>
public static class PointPlot
{
    private const int Side = 360;
    private const double Half = 1.2;
    private static readonly uint[] Colours =
    [
        0xFF0072B2,
        0xFFD55E00,
        0xFF009E73,
        0xFFCC79A7,
        0xFF8A6D00,
        0xFF56B4E9,
        0xFFE69F00,
        0xFF4D4D4D,
    ];

    /// <summary>Draws −1.2…1.2 on both axes; points beyond lie on the edge.</summary>
    /// <param name="points">float [N,2,1,1].</param>
    /// <param name="labels">Class of each, for its colour.</param>
    /// <param name="mixture">Its components are ringed, in their colours, at 4 σ; null rings none.</param>
    /// <param name="path">The PNG file.</param>
    public static void Write(Tensor points, IReadOnlyList<long> labels, GaussianMixture? mixture, string path)
    {
        if (points.dim() != 4 || points.shape[1] * points.shape[2] * points.shape[3] != 2 || points.shape[0] != labels.Count)
            throw new ArgumentException($"expected [{labels.Count},2,1,1], got [{string.Join(',', points.shape)}]");
        using var surface = SKSurface.Create(new SKImageInfo(Side, Side, SKColorType.Rgba8888, SKAlphaType.Opaque));
        surface.Canvas.Clear(SKColors.White);
        Rings(surface.Canvas, mixture);
        using var scope = NewDisposeScope();
        var values = points.to(ScalarType.Float64).cpu().contiguous().data<double>().ToArray();
        using var paint = new SKPaint { IsAntialias = true };
        for (var i = 0; i < labels.Count; i++)
        {
            paint.Color = Colour(labels[i]).WithAlpha(110);
            surface.Canvas.DrawCircle(Pixel(values[2 * i]), Pixel(-values[2 * i + 1]), 2, paint);
        }

        using var picture = surface.Snapshot();
        ImageWriter.WriteAtomically(picture.Encode(SKEncodedImageFormat.Png, quality: 100), path);
    }

    private static void Rings(SKCanvas canvas, GaussianMixture? mixture)
    {
        using var paint = new SKPaint
        {
            IsAntialias = true,
            IsStroke = true,
            StrokeWidth = 1.5f,
        };
        for (var k = 0; k < (mixture?.Components ?? 0); k++)
        {
            paint.Color = Colour(k);
            var radius = (float)(4 * mixture!.Deviation / (2 * Half) * Side);
            canvas.DrawCircle(Pixel(mixture.Means[k][0]), Pixel(-mixture.Means[k][1]), radius, paint);
        }

        paint.Color = SKColors.Gray;
        canvas.DrawRect(0.5f, 0.5f, Side - 1, Side - 1, paint);
    }

    private static SKColor Colour(long label) => new(Colours[label % Colours.Length]);

    private static float Pixel(double value) =>
        double.IsFinite(value) ? (float)((Math.Clamp(value, -Half, Half) + Half) / (2 * Half) * (Side - 1)) : 0;
}
