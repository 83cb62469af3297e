using SkiaSharp;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>Images to PNG files, to be looked at, and back.</summary>
public static class ImageWriter
{
    /// <summary>Brightness of a contact sheet between its images.</summary>
    internal const byte Background = 232;

    /// <summary>
    /// Writes a contact sheet: <paramref name="columns"/> images a row, in order, each pixel a square of <paramref name="scale"/>×scale,
    /// with a light gap of scale pixels around every image. The file appears whole or not at all and replaces an older one; its folder is
    /// made where missing.
    /// </summary>
    /// <param name="images">uint8 [N,C,H,W], N ≥ 1, C = 1 (greyscale PNG) or 3.</param>
    /// <param name="columns">Images in a row, at least 1.</param>
    /// <param name="scale">Whole-number enlargement, at least 1.</param>
    /// <param name="path">The PNG file.</param>
    /// <exception cref="UserError">The file cannot be written there.</exception>
    public static void Grid(Tensor images, int columns, int scale, string path)
    {
        if (images.dtype != ScalarType.Byte || images.dim() != 4 || images.shape[0] < 1 || images.shape[1] is not (1 or 3))
            throw new ArgumentException($"expected uint8 [N,1 or 3,H,W], N ≥ 1; got {images.dtype} [{string.Join(',', images.shape)}]");
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(scale, 1);
        using var scope = NewDisposeScope();
        var sheet = Sheet(images.cpu(), columns).repeat_interleave(scale, 1).repeat_interleave(scale, 2); // [C,H',W']
        WriteAtomically(Png(sheet), path);
    }

    /// <summary>
    /// Reads a PNG, JPEG, WebP or BMP file as uint8 [C,H,W]: C = 1 for greyscale files, else 3. Transparent parts lie over white.
    /// </summary>
    /// <exception cref="UserError">The file is missing, unreadable or not a whole image.</exception>
    public static Tensor Read(string path)
    {
        var (bitmap, grey, _) = ImageFile.Decode(path);
        using (bitmap)
        {
            var channels = grey ? 1 : 3;
            return tensor(ImageFile.Planes(bitmap, channels), [channels, bitmap.Height, bitmap.Width], ScalarType.Byte);
        }
    }

    /// <summary>Images [N,C,H,W] side by side at their own size, [C, rows·(H+1)+1, columns·(W+1)+1].</summary>
    private static Tensor Sheet(Tensor images, int columns)
    {
        var (n, channels, height, width) = (images.shape[0], images.shape[1], images.shape[2], images.shape[3]);
        var rows = (n + columns - 1) / columns;
        var sheet = full([channels, rows * (height + 1) + 1, columns * (width + 1) + 1], Background, ScalarType.Byte);
        for (long i = 0; i < n; i++)
        {
            using var scope = NewDisposeScope();
            var (row, column) = (i / columns, i % columns);
            sheet.narrow(1, row * (height + 1) + 1, height).narrow(2, column * (width + 1) + 1, width).copy_(images[i]);
        }
        return sheet;
    }

    private static SKData Png(Tensor image)
    {
        var (channels, height, width) = (image.shape[0], (int)image.shape[1], (int)image.shape[2]);
        var grey = channels == 1;
        var opaque = full([1, height, width], (byte)255, ScalarType.Byte);
        var planes = grey ? image : cat([image, opaque], 0); // [1 or 4,H,W]
        var interleaved = planes.permute(1, 2, 0).contiguous(); // [H,W,1 or 4]
        var info = new SKImageInfo(width, height, grey ? SKColorType.Gray8 : SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var picture = SKImage.FromPixelCopy(info, interleaved.bytes, info.RowBytes);
        return picture.Encode(SKEncodedImageFormat.Png, quality: 100);
    }

    internal static void WriteAtomically(SKData png, string path)
    {
        using var _ = png;
        var full = Path.GetFullPath(path);
        if (Directory.Exists(full))
            throw new UserError($"{full}: is a folder, expected the name of a PNG file to write; choose another path");
        var temporary = $"{full}.{Guid.NewGuid():N}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(full)!);
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
                file.Write(png.AsSpan());
            File.Move(temporary, full, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            RemoveQuietly(temporary);
            throw new UserError(
                $"{full}: cannot be written ({e.Message.ReplaceLineEndings(" ")}), expected a writable folder with "
                    + $"{png.Size:N0} bytes free; free space or choose another path",
                e
            );
        }
    }

    private static void RemoveQuietly(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The write's own failure is what the user must hear of.
        }
    }
}
