using System.Text;
using DiMum.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Data;

public class Cifar10Tests
{
    private const int Records = 3;
    private const int RecordBytes = 3073;

    private TempFolder _folder = null!;

    [SetUp]
    public void SetUp()
    {
        _folder = new TempFolder();
        for (var i = 0; i < 5; i++)
            _folder.Write($"data_batch_{i + 1}.bin", Batch(i));
        _folder.Write("test_batch.bin", Batch(5));
    }

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void Records_become_images_in_file_order()
    {
        using var scope = NewDisposeScope();
        using var data = Cifar10.Load(_folder.Root, Records);
        Assert.That(data.Train.Images.shape, Is.EqualTo(new long[] { 5 * Records, 3, 32, 32 }));
        Assert.That(data.Test.Images.shape, Is.EqualTo(new long[] { Records, 3, 32, 32 }));
        Assert.That(data.Train.LabelArray(), Is.EqualTo(Enumerable.Range(0, 15).Select(i => (i / 3 + i % 3) % 10)));
        var record = Batch(4).AsSpan(2 * RecordBytes + 1, 3072).ToArray();
        Assert.That(data.Train.Images[4 * Records + 2].bytes.ToArray(), Is.EqualTo(record));
        Assert.That(data.Train.Images[4 * Records + 2, 1, 2, 3].item<byte>(), Is.EqualTo(record[1024 + 2 * 32 + 3]));
        Assert.That((data.Train.Name, data.Test.Name), Is.EqualTo(("cifar10/train", "cifar10/test")));
    }

    [Test]
    public void Without_a_meta_file_the_names_are_the_official_ten()
    {
        using var data = Cifar10.Load(_folder.Root, Records);
        Assert.That(data.Train.ClassNames, Has.Count.EqualTo(10));
        Assert.That((data.Train.ClassNames[0], data.Test.ClassNames[9]), Is.EqualTo(("airplane", "truck")));
    }

    [Test]
    public void A_meta_file_names_the_classes()
    {
        _folder.Write("batches.meta.txt", Encoding.ASCII.GetBytes("a\nb\r\nc\nd\ne\nf\ng\nh\ni\nj\n\n"));
        using var data = Cifar10.Load(_folder.Root, Records);
        Assert.That(data.Train.ClassNames, Is.EqualTo("abcdefghij".Select(c => c.ToString())));
    }

    [Test]
    public void A_meta_file_of_nine_names_is_refused()
    {
        var path = _folder.Write("batches.meta.txt", Encoding.ASCII.GetBytes("a\nb\nc\nd\ne\nf\ng\nh\ni\n"));
        Refusal.Of(() => Cifar10.Load(_folder.Root, Records), path, "9 lines", "ten class names");
    }

    [Test]
    public void The_folder_above_the_unpacked_one_will_do()
    {
        using var above = new TempFolder();
        Directory.Move(_folder.Root, above["cifar-10-batches-bin"]);
        using var data = Cifar10.Load(above.Root, Records);
        Assert.That(data.Train.Count, Is.EqualTo(15));
        Directory.CreateDirectory(_folder.Root);
    }

    [Test]
    public void A_missing_file_names_the_archive()
    {
        File.Delete(_folder["data_batch_3.bin"]);
        Refusal.Of(
            () => Cifar10.Load(_folder.Root, Records),
            _folder["data_batch_3.bin"],
            "no such file",
            "9,219 bytes",
            "cifar-10-binary.tar.gz"
        );
    }

    [Test]
    public void A_folder_in_a_files_place_is_refused()
    {
        File.Delete(_folder["test_batch.bin"]);
        Directory.CreateDirectory(_folder["test_batch.bin"]);
        Refusal.Of(() => Cifar10.Load(_folder.Root, Records), _folder["test_batch.bin"], "is a folder");
    }

    [Test]
    public void A_truncated_file_names_both_sizes()
    {
        var path = _folder.Write("data_batch_2.bin", Batch(1)[..^1]);
        Refusal.Of(() => Cifar10.Load(_folder.Root, Records), path, "truncated at 9,218 bytes", "expected 9,219 bytes");
    }

    [Test]
    public void An_official_file_has_30730000_bytes() =>
        Refusal.Of(
            () => Cifar10.Load(_folder.Root),
            _folder["data_batch_1.bin"],
            "truncated",
            "expected 30,730,000 bytes (10,000 records of 3,073)"
        );

    [Test]
    public void An_oversize_file_names_both_sizes()
    {
        var path = _folder.Write("test_batch.bin", [.. Batch(5), 0]);
        Refusal.Of(() => Cifar10.Load(_folder.Root, Records), path, "too large at 9,220 bytes", "expected 9,219 bytes");
    }

    [Test]
    public void A_label_above_9_names_its_record()
    {
        var batch = Batch(2);
        batch[2 * RecordBytes] = 10;
        var path = _folder.Write("data_batch_3.bin", batch);
        Refusal.Of(() => Cifar10.Load(_folder.Root, Records), path, "record 2 (from 0) has label 10", "expected 0…9");
    }

    /// <summary>Three records whose labels and pixels tell the file, the record and the place.</summary>
    private static byte[] Batch(int file)
    {
        var bytes = new byte[Records * RecordBytes];
        for (var i = 0; i < bytes.Length; i++)
            bytes[i] = i % RecordBytes == 0 ? (byte)((file + i / RecordBytes) % 10) : (byte)(i * 7 + file * 31 + i / 251);
        return bytes;
    }
}
