using System.Buffers.Binary;
using DiMum.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Data;

public class IdxTests
{
    private const string TrainImages = "train-images-idx3-ubyte";
    private const string TrainLabels = "train-labels-idx1-ubyte";

    private TempFolder _folder = null!;

    [SetUp]
    public void SetUp()
    {
        _folder = new TempFolder();
        _folder.Write(TrainImages, Images(3));
        _folder.Write(TrainLabels, Labels(4, 0, 9));
        _folder.Write("t10k-images.idx3-ubyte", Images(2));
        _folder.Write("t10k-labels-idx1-ubyte.gz", TempFolder.Gzip(Labels(1, 2)));
    }

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void Plain_dotted_and_compressed_files_load()
    {
        using var scope = NewDisposeScope();
        using var data = Idx.Load(_folder.Root);
        Assert.That(data.Train.Images.shape, Is.EqualTo(new long[] { 3, 1, 28, 28 }));
        Assert.That(data.Train.LabelArray(), Is.EqualTo(new long[] { 4, 0, 9 }));
        Assert.That(data.Test.LabelArray(), Is.EqualTo(new long[] { 1, 2 }));
        Assert.That(data.Train.Images.bytes.ToArray(), Is.EqualTo(Images(3)[16..]));
        Assert.That((data.Train.Name, data.Test.Name, data.Train.ClassNames[7]), Is.EqualTo(("mnist/train", "mnist/test", "7")));
    }

    [Test]
    public void Compressed_images_equal_plain_ones_whatever_the_name_says([Values("", ".gz")] string ending)
    {
        File.Delete(_folder[TrainImages]);
        _folder.Write(TrainImages + ending, TempFolder.Gzip(Images(3)));
        using var data = Idx.Load(_folder.Root);
        Assert.That(data.Train.Images.bytes.ToArray(), Is.EqualTo(Images(3)[16..]));
    }

    [Test]
    public void Fashion_has_its_own_class_names()
    {
        using var data = Idx.Load(_folder.Root, "fashion-mnist");
        Assert.That((data.Train.Name, data.Train.ClassNames[9]), Is.EqualTo(("fashion-mnist/train", "Ankle boot")));
    }

    [Test]
    public void A_missing_file_is_named()
    {
        File.Delete(_folder[TrainLabels]);
        Refused(TrainLabels, "no such file", ".gz", _folder.Root);
    }

    [Test]
    public void A_folder_in_a_files_place_is_refused()
    {
        File.Delete(_folder[TrainLabels]);
        Directory.CreateDirectory(_folder[TrainLabels]);
        Refused(TrainLabels, "is a folder");
    }

    [Test]
    public void A_wrong_magic_number_is_shown()
    {
        _folder.Write(TrainImages, Labels([.. Enumerable.Range(0, 20).Select(i => (byte)1)]));
        Refused(TrainImages, "starts with 0x00000801", "expected magic number 0x00000803");
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(15)]
    public void A_file_shorter_than_its_header_is_refused(int length)
    {
        _folder.Write(TrainImages, Images(3)[..length]);
        Refused(TrainImages, "ends early");
    }

    [Test]
    public void Another_image_size_is_refused()
    {
        _folder.Write(TrainImages, [.. Header(0x803, 1, 32, 30), .. new byte[32 * 30]]);
        Refused(TrainImages, "items of 32×30", "expected 28×28");
    }

    [Test]
    public void A_truncated_file_names_both_sizes()
    {
        _folder.Write(TrainImages, Images(3)[..^1]);
        Refused(TrainImages, "truncated at 2,367 bytes", "expected 2,368 bytes");
    }

    [Test]
    public void An_oversize_file_names_both_sizes()
    {
        _folder.Write(TrainLabels, [.. Labels(1, 2, 3), 0]);
        Refused(TrainLabels, "too large at 12 bytes", "expected 11 bytes");
    }

    [Test]
    public void Counts_that_differ_name_both_files()
    {
        _folder.Write(TrainLabels, Labels(1, 2));
        Refused(TrainLabels, "has 2 labels", "expected 3", _folder[TrainImages]);
    }

    [Test]
    public void A_label_above_9_names_its_record()
    {
        _folder.Write(TrainLabels, Labels(1, 10, 3));
        Refused(TrainLabels, "record 1 (from 0) has label 10", "expected 0…9");
    }

    [TestCase(0u)]
    [TestCase(1_000_001u)]
    [TestCase(uint.MaxValue)]
    public void An_absurd_count_is_refused_before_any_memory_is_taken(uint count)
    {
        byte[] file = [.. Header(0x803, count, 28, 28), 0];
        _folder.Write(TrainImages, file);
        Refused(TrainImages, $"announces {count:N0} items", "expected 1…1,000,000");
        _folder.Write(TrainImages, TempFolder.Gzip(file));
        Refused(TrainImages, $"announces {count:N0} items", "expected 1…1,000,000");
    }

    [Test]
    public void A_count_that_no_compression_could_reach_is_refused()
    {
        _folder.Write(TrainImages, TempFolder.Gzip([.. Header(0x803, 900_000, 28, 28), 0]));
        Refused(TrainImages, "compressed bytes cannot hold the expected 705,600,016 bytes");
    }

    [Test]
    public void Corrupt_gzip_data_is_refused()
    {
        var gzip = TempFolder.Gzip(Images(3));
        gzip[^6] ^= 0xff; // the checksum
        _folder.Write(TrainImages, gzip);
        Refused(TrainImages, "corrupt gzip data", "download it again");
    }

    [Test]
    public void A_truncated_gzip_is_refused()
    {
        _folder.Write(TrainImages, TempFolder.Gzip(Images(3))[..^40]);
        Refused(TrainImages, "expected 2,352 bytes after its header", "download it again");
    }

    [Test]
    public void A_gzip_that_holds_too_little_is_refused()
    {
        _folder.Write(TrainImages, TempFolder.Gzip(Images(3)[..^5]));
        Refused(TrainImages, "ends early", "2,352 bytes");
    }

    [Test]
    public void A_gzip_that_holds_too_much_is_refused()
    {
        _folder.Write(TrainImages, TempFolder.Gzip([.. Images(3), 0]));
        Refused(TrainImages, "more data than its header says", "2,352 bytes");
    }

    private void Refused(string file, params string[] parts) => Refusal.Of(() => Idx.Load(_folder.Root), [_folder[file], .. parts]);

    private static byte[] Images(int count) =>
        [.. Header(0x803, (uint)count, 28, 28), .. Enumerable.Range(0, count * 784).Select(i => (byte)(i * 13 + i / 97))];

    private static byte[] Labels(params byte[] labels) => [.. Header(0x801, (uint)labels.Length), .. labels];

    private static byte[] Header(params uint[] words)
    {
        var header = new byte[4 * words.Length];
        for (var i = 0; i < words.Length; i++)
            BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4 * i), words[i]);
        return header;
    }
}
