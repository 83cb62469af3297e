using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>Smaller versions of a data set, for experiments that must be cheap.</summary>
public static class Resize
{
    private const long ChunkImages = 32; // stays in cache: several times faster than thousands at once

    /// <summary>
    /// Box average by the integer factor k = H/size: y = ⌊(Σ of k×k bytes + ⌊k²/2⌋)/k²⌋, uint8 [N,C,size,size], in integers throughout, so
    /// the same on every device. The name gains <c>@size</c>; labels and class names are copied.
    /// </summary>
    /// <exception cref="UserError">The images are not square, or <paramref name="size"/> does not divide their side.</exception>
    public static Dataset Area(Dataset data, int size)
    {
        var side = data.Height;
        if (data.Width != side)
            throw new UserError(
                $"{data.Name}: images of {side}×{data.Width} are not square, expected square ones to average down to {size}"
            );
        if (size < 1 || side % size != 0)
        {
            var fits = string.Join(", ", Enumerable.Range(1, side).Where(s => side % s == 0));
            throw new UserError($"{data.Name}: cannot average {side}×{side} images down to size {size}, expected one of {fits}");
        }

        var k = side / size;
        using var scope = NewDisposeScope();
        var images = empty([data.Count, data.Channels, size, size], ScalarType.Byte, data.Images.device); // [N,C,size,size]
        for (long first = 0; first < data.Count; first += ChunkImages)
        {
            using var chunkScope = NewDisposeScope();
            var n = Math.Min(ChunkImages, data.Count - first);
            var boxes = data.Images.narrow(0, first, n).view(n, data.Channels, size, k, size, k);
            var sums = full([n, data.Channels, size, size], k * k / 2, ScalarType.Int32, data.Images.device); // [n,C,size,size]
            for (var i = 0; i < k * k; i++)
                sums.add_(boxes.select(5, i % k).select(3, i / k));
            images.narrow(0, first, n).copy_(sums.div_(k * k, RoundingMode.floor));
        }
        return new Dataset($"{data.Name}@{size}", images, data.Labels.clone(), data.ClassNames);
    }
}
