using SkiaSharp;

namespace DiMum.Data;

/// <summary>Decoding of one PNG, JPEG, WebP or BMP file to 8-bit pixels as they are stored: no colour profile, no EXIF rotation.</summary>
internal static class ImageFile
{
    private const long MostPixels = 100_000_000;
    private const string Expected = "a whole PNG, JPEG, WebP or BMP image";

    /// <summary>The image as opaque RGBA, transparent parts over white; whether the file is a greyscale one, and whether it had transparent parts.</summary>
    /// <exception cref="UserError">It is missing, unreadable, incomplete, not an image or above 100 million pixels.</exception>
    public static (SKBitmap Rgba, bool Grey, bool Transparent) Decode(string path)
    {
        using var stream = InputFile.Open(path, Expected);
        using var codec =
            SKCodec.Create(stream) ?? throw new UserError($"{stream.Name}: not an image, expected {Expected}; replace or remove it");
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if ((long)width * height > MostPixels)
            throw new UserError($"{stream.Name}: {width}×{height} pixels, expected at most {MostPixels:N0} in all; scale it down first");
        var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        var result = codec.GetPixels(bitmap.Info, bitmap.GetPixels());
        if (result != SKCodecResult.Success)
        {
            bitmap.Dispose();
            throw new UserError($"{stream.Name}: damaged image ({result}), expected {Expected}; replace or remove it");
        }
        var transparent = OverWhite(bitmap);
        return (bitmap, codec.Info.ColorType == SKColorType.Gray8, transparent);
    }

    /// <summary>
    /// The planes [C,H,W] of an opaque RGBA bitmap, flattened: C = 3 gives R, G, B; C = 1 the luma of ITU-R BT.601,
    /// Y = 0.299·R + 0.587·G + 0.114·B, rounded (grey pixels stay exactly as they are).
    /// </summary>
    public static byte[] Planes(SKBitmap rgba, int channels)
    {
        var pixels = rgba.GetPixelSpan();
        var area = rgba.Width * rgba.Height;
        var planes = new byte[channels * area];
        for (var i = 0; i < area; i++)
        {
            var pixel = pixels.Slice((i / rgba.Width * rgba.RowBytes) + (i % rgba.Width * 4), 4);
            if (channels == 1)
                planes[i] = (byte)((19595 * pixel[0] + 38470 * pixel[1] + 7471 * pixel[2] + 32768) >> 16); // weights sum to 65,536
            else
                (planes[i], planes[area + i], planes[2 * area + i]) = (pixel[0], pixel[1], pixel[2]);
        }
        return planes;
    }

    private static unsafe bool OverWhite(SKBitmap bitmap)
    {
        var pixels = new Span<byte>((void*)bitmap.GetPixels(), bitmap.ByteCount);
        var any = false;
        for (var i = 0; i < pixels.Length; i += 4)
        {
            int alpha = pixels[i + 3];
            if (alpha == 255)
                continue;
            for (var c = i; c < i + 3; c++)
                pixels[c] = (byte)((pixels[c] * alpha + 255 * (255 - alpha) + 127) / 255);
            pixels[i + 3] = 255;
            any = true;
        }

        return any;
    }
}
