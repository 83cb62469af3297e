namespace DiMum.Data;

/// <summary>Filters of <see cref="Resample"/>.</summary>
public enum ResampleFilter
{
    /// <summary>Triangle, of support 1.</summary>
    Bilinear,

    /// <summary>Keys' cubic with a = −½, of support 2.</summary>
    Bicubic,
}

/// <summary>
/// Scaling of 8-bit images as Pillow does it (<c>libImaging/Resample.c</c>), by which the released networks' inputs were made: the filter is widened
/// where the image shrinks, so that it averages; rows first, then columns, each rounded to 8 bits; weights in 22-bit fixed point.
/// </summary>
public static class Resample
{
    private const int Precision = 22;

    /// <summary>Planes [C,H,W] to [C,height',width'].</summary>
    public static byte[] Planes(byte[] planes, int height, int width, int newHeight, int newWidth, ResampleFilter filter)
    {
        var channels = planes.Length / (height * width);
        var wide = width == newWidth ? planes : Along(planes, channels * height, width, newWidth, 1, filter);
        return height == newHeight ? wide : Along(wide, channels, height, newHeight, newWidth, filter);
    }

    // Lines of «length» places that lie «stride» apart, in «blocks» blocks.
    private static byte[] Along(byte[] from, int blocks, int length, int newLength, int stride, ResampleFilter filter)
    {
        var to = new byte[blocks * newLength * stride];
        for (var x = 0; x < newLength; x++)
        {
            var (first, weights) = Weights(x, length, newLength, filter);
            for (var block = 0; block < blocks; block++)
            for (var s = 0; s < stride; s++)
            {
                long sum = 1 << (Precision - 1);
                for (var k = 0; k < weights.Length; k++)
                    sum += (long)from[(((block * length) + first + k) * stride) + s] * weights[k];
                to[(((block * newLength) + x) * stride) + s] = (byte)Math.Clamp(sum >> Precision, 0, 255);
            }
        }

        return to;
    }

    private static (int First, int[] Weights) Weights(int x, int length, int newLength, ResampleFilter filter)
    {
        var scale = (double)length / newLength;
        var widening = Math.Max(scale, 1);
        var support = widening * (filter == ResampleFilter.Bilinear ? 1 : 2);
        var centre = (x + 0.5) * scale;
        var first = Math.Max(0, (int)(centre - support + 0.5));
        var last = Math.Min(length, (int)(centre + support + 0.5));
        var weights = Enumerable.Range(first, last - first).Select(i => Value(filter, (i - centre + 0.5) / widening)).ToArray();
        var sum = weights.Sum();
        return (first, [.. weights.Select(w => (int)Math.Round(w / sum * (1 << Precision), MidpointRounding.AwayFromZero))]);
    }

    private static double Value(ResampleFilter filter, double x)
    {
        x = Math.Abs(x);
        return filter switch
        {
            ResampleFilter.Bilinear => x < 1 ? 1 - x : 0,
            _ when x < 1 => (((1.5 * x) - 2.5) * x * x) + 1,
            _ when x < 2 => (((((x - 5) * x) + 8) * x) - 4) * -0.5,
            _ => 0,
        };
    }
}
