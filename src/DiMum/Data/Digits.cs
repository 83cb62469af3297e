using System.Globalization;
using System.IO.Compression;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>
/// Real handwritten digits that need no download: the 1,797 images of 8×8 pixels in the test part of «Optical Recognition of Handwritten
/// Digits» (UCI Machine Learning Repository), by E. Alpaydin and C. Kaynak, licensed CC BY 4.0. Embedded in this library.
/// </summary>
public static class Digits
{
    /// <summary>Who made the images and under which licence; shown wherever they are.</summary>
    public const string Attribution =
        "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, "
        + "https://doi.org/10.24432/C50P49, CC BY 4.0";

    internal const int Rows = 1797;
    private const int Side = 8;

    /// <summary>
    /// <c>digits/train</c> (1,438 images) and <c>digits/test</c> (359: every fifth row, index % 5 = 4), both uint8 [N,1,8,8], 10 classes.
    /// A file's value v in 0…16 becomes the byte round(255·v/16).
    /// </summary>
    public static DataSplits Load()
    {
        var (pixels, labels) = Parse();
        using var scope = NewDisposeScope();
        using var all = new Dataset(
            "digits",
            tensor(pixels, [Rows, 1, Side, Side], ScalarType.Byte),
            tensor(labels, ScalarType.Int64),
            [.. Enumerable.Range(0, 10).Select(d => d.ToString(CultureInfo.InvariantCulture))]
        );
        var rows = Enumerable.Range(0, Rows).Select(i => (long)i).ToArray();
        return new DataSplits(
            all.Take("digits/train", [.. rows.Where(i => i % 5 != 4)]),
            all.Take("digits/test", [.. rows.Where(i => i % 5 == 4)])
        );
    }

    private static (byte[] Pixels, long[] Labels) Parse()
    {
        using var resource = typeof(Digits).Assembly.GetManifestResourceStream("digits.csv.gz")!;
        using var reader = new StreamReader(new GZipStream(resource, CompressionMode.Decompress));
        var pixels = new byte[Rows * Side * Side];
        var labels = new long[Rows];
        for (var row = 0; row < Rows; row++)
        {
            var cells = reader.ReadLine()!.Split(',');
            for (var i = 0; i < Side * Side; i++)
                pixels[row * Side * Side + i] = (byte)((int.Parse(cells[i], CultureInfo.InvariantCulture) * 255 + 8) / 16);
            labels[row] = long.Parse(cells[^1], CultureInfo.InvariantCulture);
        }
        return (pixels, labels);
    }
}
