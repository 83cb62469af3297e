namespace DiMum.Data.MiniCanvas;

/// <summary>One image, decided by (seed, index, cell).</summary>
internal static class Picture
{
    /// <summary>Side, pixels.</summary>
    public const int Side = CanvasScene.Side;

    /// <summary>Planes of R, G and B.</summary>
    public const int Bytes = 3 * Side * Side;

    private const int Samples = 2; // each way, of every pixel

    /// <summary>Paints into <paramref name="planes"/>: every pixel is the mean of Samples² points.</summary>
    public static void Paint(long seed, long index, int style, int thing, Span<byte> planes)
    {
        var random = CanvasRandom.Of(seed, index);
        var scene = new CanvasScene(CanvasObject.All[thing], random);
        var painter = CanvasStyle.All[style].Begin(scene, random);
        for (var p = 0; p < Side * Side; p++)
        {
            var sum = default(Rgb);
            for (var s = 0; s < Samples * Samples; s++)
            {
                var colour = painter(p % Side + (s % Samples + 0.5) / Samples, p / Side + (s / Samples + 0.5) / Samples);
                sum = sum.Plus(new(Math.Clamp(colour.R, 0, 1), Math.Clamp(colour.G, 0, 1), Math.Clamp(colour.B, 0, 1)));
            }

            planes[p] = ToByte(sum.R);
            planes[Side * Side + p] = ToByte(sum.G);
            planes[2 * Side * Side + p] = ToByte(sum.B);
        }
    }

    private static byte ToByte(double sum) => (byte)(sum * (255.0 / (Samples * Samples)) + 0.5);
}
