using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>
/// CIFAR-10 (A. Krizhevsky, 2009) from its official binary files: <c>data_batch_1.bin</c> … <c>data_batch_5.bin</c> and
/// <c>test_batch.bin</c>, each 10,000 records of one label byte and 3,072 pixel bytes (red, green and blue planes of 32×32).
/// </summary>
public static class Cifar10
{
    /// <summary>Where the official archive is published.</summary>
    public const string Source = "https://www.cs.toronto.edu/~kriz/cifar.html, file cifar-10-binary.tar.gz";

    private const int Side = 32;
    private const int PixelBytes = 3 * Side * Side;
    private const int RecordBytes = 1 + PixelBytes;
    private const int Classes = 10;

    private static readonly string[] OfficialNames =
    [
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ];

    /// <summary>
    /// <c>cifar10/train</c> (50,000 images) and <c>cifar10/test</c> (10,000), uint8 [N,3,32,32]. Class names are those of
    /// <c>batches.meta.txt</c> where that file is present.
    /// </summary>
    /// <param name="folder">The folder of the binary files, or the one that holds it as <c>cifar-10-batches-bin</c>.</param>
    /// <exception cref="UserError">A file is missing, unreadable, of the wrong size or has a label above 9.</exception>
    public static DataSplits Load(string folder) => Load(folder, recordsPerFile: 10_000);

    internal static DataSplits Load(string folder, int recordsPerFile)
    {
        var root = InputFile.Folder(folder, $"the CIFAR-10 binary files ({Source})");
        var unpacked = Path.Combine(root, "cifar-10-batches-bin");
        if (!File.Exists(Path.Combine(root, "data_batch_1.bin")) && Directory.Exists(unpacked))
            root = unpacked;

        using var scope = NewDisposeScope();
        var names = ClassNames(Path.Combine(root, "batches.meta.txt"));
        var train = Read([.. Enumerable.Range(1, 5).Select(i => Path.Combine(root, $"data_batch_{i}.bin"))], recordsPerFile);
        var test = Read([Path.Combine(root, "test_batch.bin")], recordsPerFile);
        return new DataSplits(
            new Dataset("cifar10/train", train.Images, train.Labels, names),
            new Dataset("cifar10/test", test.Images, test.Labels, names)
        );
    }

    private static (Tensor Images, Tensor Labels) Read(string[] paths, int recordsPerFile)
    {
        var images = empty([(long)paths.Length * recordsPerFile, 3, Side, Side], ScalarType.Byte); // [N,3,32,32]
        var labels = empty([(long)paths.Length * recordsPerFile], ScalarType.Int64); // [N]
        for (var i = 0; i < paths.Length; i++)
        {
            using var scope = NewDisposeScope();
            var records = ReadRecords(paths[i], recordsPerFile); // [n,3073]
            images.narrow(0, (long)i * recordsPerFile, recordsPerFile).copy_(records.narrow(1, 1, PixelBytes).view(-1, 3, Side, Side));
            labels.narrow(0, (long)i * recordsPerFile, recordsPerFile).copy_(records.select(1, 0));
        }
        return (images, labels);
    }

    private static Tensor ReadRecords(string path, int count)
    {
        var size = (long)count * RecordBytes;
        var expected = $"{size:N0} bytes ({count:N0} records of {RecordBytes:N0}) of CIFAR-10's binary version ({Source}, unpacked)";
        using var stream = InputFile.Open(path, expected);
        if (stream.Length != size)
        {
            var fault = stream.Length < size ? "truncated" : "too large";
            throw new UserError($"{path}: {fault} at {stream.Length:N0} bytes, expected {expected}; copy or download it again");
        }
        var records = empty([count, RecordBytes], ScalarType.Byte);
        var bytes = records.bytes;
        InputFile.Fill(stream, bytes, path, expected);
        for (var i = 0; i < count; i++)
        {
            var label = bytes[i * RecordBytes];
            if (label >= Classes)
                throw new UserError(
                    $"{path}: record {i:N0} (from 0) has label {label}, expected 0…{Classes - 1}; "
                        + $"download CIFAR-10's binary version again ({Source})"
                );
        }
        return records;
    }

    private static IReadOnlyList<string> ClassNames(string path)
    {
        const string expected = "CIFAR-10's ten class names, one a line";
        if (!File.Exists(path))
            return OfficialNames;
        using var stream = InputFile.Open(path, expected);
        var text = new byte[Math.Min(stream.Length, 64 * 1024)];
        InputFile.Fill(stream, text, path, expected);
        var lines = Encoding.UTF8.GetString(text).Split('\n', StringSplitOptions.TrimEntries);
        string[] names = [.. lines.Where(l => l.Length > 0)];
        return names.Length == Classes
            ? names
            : throw new UserError($"{path}: has {names.Length} lines, expected {expected}; restore it from the archive or delete it");
    }
}
