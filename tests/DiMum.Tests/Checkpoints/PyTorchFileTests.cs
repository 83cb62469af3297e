using System.IO.Compression;
using DiMum.Checkpoints;
using DiMum.Tests.Data;
using NUnit.Framework;
using TorchSharp;

namespace DiMum.Tests.Checkpoints;

/// <summary>PyTorch files: both layouts are read, and whatever is more than tensors and containers is refused by its name.</summary>
public class PyTorchFileTests
{
    private static readonly byte[] Six = PickleWriter.Floats(1, 2, 3, 4, 5, 6);

    private static readonly byte[] Good = PickleWriter.StateDict(
        ("w", p => p.Tensor("0", 6, 0, [2, 3], [3, 1])),
        ("transposed", p => p.Tensor("0", 6, 0, [3, 2], [1, 3])),
        ("tail", p => p.Tensor("0", 6, 4, [2], [1])),
        ("counter", p => p.Tensor("1", 1, 0, [], [], "LongStorage"))
    );

    [TestCase(true)]
    [TestCase(false)]
    public void Both_layouts_are_read(bool zip)
    {
        using var folder = new TempFolder();
        var counter = BitConverter.GetBytes(42L);
        var bytes = zip
            ? PickleWriter.Zip(Good, CompressionLevel.NoCompression, ("0", Six), ("1", counter))
            : PickleWriter.Plain(Good, ("0", 4, Six), ("1", 8, counter));
        using var scope = torch.NewDisposeScope();
        var tensors = PyTorchFile.ReadTensors(folder.Write("w.pth", bytes));
        Assert.That(tensors.Keys, Is.EqualTo(new[] { "w", "transposed", "tail", "counter" }));
        Assert.That(tensors["w"].shape, Is.EqualTo(new[] { 2, 3 }));
        Assert.That(tensors["w"].data<float>().ToArray(), Is.EqualTo(new[] { 1f, 2, 3, 4, 5, 6 }));
        Assert.That(tensors["transposed"].data<float>().ToArray(), Is.EqualTo(new[] { 1f, 4, 2, 5, 3, 6 }));
        Assert.That(tensors["tail"].data<float>().ToArray(), Is.EqualTo(new[] { 5f, 6 }));
        Assert.That(tensors["counter"].item<long>(), Is.EqualTo(42));
        foreach (var tensor in tensors.Values)
            tensor.Dispose();
    }

    [Test]
    public void A_state_dict_inside_is_found_and_a_trainer_s_objects_are_passed_over_where_that_is_asked()
    {
        using var folder = new TempFolder();
        var pickle = PickleWriter.Start().Op('}').Text("callbacks").Global("trainer.callbacks", "Saver").Op(')').Op('R');
        pickle.Op('}').Text("best").Number(3).Op('s').Op('b').Op('s');
        pickle.Text("state_dict").Op('}').Text("a").Op('}').Text("b").Tensor("0", 6, 0, [6], [1]).Op('s').Op('s').Op('s').Op('.');
        var path = folder.Write("w.ckpt", PickleWriter.Zip(pickle.Bytes, CompressionLevel.NoCompression, ("0", Six)));
        Refusal.Of(() => PyTorchFile.Open(path), path, "trainer.callbacks.Saver");
        using var file = PyTorchFile.Open(path, "trainer.");
        Assert.That(file.Tensors.Keys, Is.EqualTo(new[] { "a.b" }));
    }

    [TestCase("numpy.core")]
    [TestCase("numpy._core")]
    public void A_number_of_NumPy_beside_the_weights_is_let_be(string core)
    {
        using var folder = new TempFolder();
        var pickle = PickleWriter.Start().Op('}').Text("global_step").NumpyNumber(core).Op('s');
        pickle.Text("state_dict").Op('}').Text("a").Tensor("0", 6, 0, [6], [1]).Op('s').Op('s');
        pickle.Text("best").Op('}').Text("score").NumpyNumber(core).Op('s').Op('s').Op('.');
        foreach (
            var bytes in new[] { PickleWriter.Zip(pickle.Bytes, storages: ("0", Six)), PickleWriter.Plain(pickle.Bytes, ("0", 4, Six)) }
        )
        {
            using var file = PyTorchFile.Open(folder.Write("w.ckpt", bytes));
            Assert.That(file.Tensors.Keys, Is.EqualTo(new[] { "a" }));
        }
    }

    [Test]
    public void What_a_member_of_NumPy_makes_is_never_a_tensor_nor_part_of_one()
    {
        using var folder = new TempFolder();
        string Path(PickleWriter pickle) => folder.Write("w.ckpt", PickleWriter.Zip(pickle.Bytes, storages: ("0", Six)));
        PickleWriter OfSix(PickleWriter p) => p.Tensor("0", 6, 0, [6], [1]);

        // As an argument, as a state, and as an item set on it.
        var hidden = PickleWriter.Start().Op('}').Text("a");
        OfSix(hidden).Op('s').Text("b").Global("_codecs", "encode");
        OfSix(hidden).Raw(0x85).Op('R').Op('s').Text("c").Global("numpy", "dtype").Op(')').Op('R');
        OfSix(hidden).Op('b').Text("x");
        OfSix(hidden).Op('s').Op('s').Op('.');
        using (var file = PyTorchFile.Open(Path(hidden)))
            Assert.That(file.Tensors.Keys, Is.EqualTo(new[] { "a" }));

        var parameter = PickleWriter.Start().Global("torch._utils", "_rebuild_parameter").NumpyNumber().Raw(0x85).Op('R').Op('.');
        Refusal.Of(() => PyTorchFile.Open(Path(parameter)), "w.ckpt", "_rebuild_parameter");
        var typed = PickleWriter
            .Start()
            .Op('(')
            .Text("storage")
            .Global("numpy", "dtype")
            .Text("0")
            .Text("cpu")
            .Number(6)
            .Op('t')
            .Op('Q')
            .Op('.');
        Refusal.Of(() => PyTorchFile.Open(Path(typed)), "w.ckpt", "numpy.dtype");
    }

    [TestCase("os", "system")]
    [TestCase("posix", "system")]
    [TestCase("builtins", "eval")]
    [TestCase("torch.hub", "load")]
    [TestCase("_codecs", "decode")]
    [TestCase("_codecs", "encoder")]
    [TestCase("codecs", "encode")]
    [TestCase("numpy", "load")]
    [TestCase("numpy", "dtypes")]
    [TestCase("numpy.core.multiarray", "_reconstruct")]
    [TestCase("numpy.core.multiarray", "scalar.__init__")]
    [TestCase("numpy.testing", "scalar")]
    public void A_pickle_that_calls_a_function_is_refused_by_name_and_nothing_runs(string module, string name)
    {
        using var folder = new TempFolder();
        var marker = folder["touched"];
        var pickle = PickleWriter.Start().Global(module, name).Op('(').Text($"touch {marker}").Op('t').Op('R').Op('.').Bytes;
        foreach (var bytes in new[] { PickleWriter.Zip(pickle), PickleWriter.Plain(pickle) })
        foreach (var open in new Action<string>[] { path => PyTorchFile.Open(path), path => WeightsFile.Open(path) })
            Refusal.Of(() => open(folder.Write("evil.pth", bytes)), "evil.pth", $"'{module}.{name}'", "nothing was executed");

        Assert.That(File.Exists(marker), Is.False);
    }

    [Test]
    public void Opcodes_that_make_objects_are_refused()
    {
        using var folder = new TempFolder();
        foreach (var code in new byte[] { (byte)'i', (byte)'o', 0x81, 0x92, (byte)'P', 0x82 })
        {
            var pickle = PickleWriter.Start().Op('(').Text("x").Raw(code).Op('.').Bytes;
            Refusal.Of(() => PyTorchFile.Open(folder.Write("o.pth", PickleWriter.Zip(pickle))), "o.pth", $"0x{code:x2}");
        }
    }

    [TestCase(6, 0, new long[] { 7 }, new long[] { 1 }, "outside its storage")]
    [TestCase(6, 5, new long[] { 2 }, new long[] { 1 }, "outside its storage")]
    [TestCase(6, 0, new long[] { 2, 2 }, new long[] { 5, 1 }, "outside its storage")]
    [TestCase(6, -1, new long[] { 2 }, new long[] { 1 }, "impossible")]
    [TestCase(6, 0, new long[] { -2 }, new long[] { 1 }, "impossible")]
    [TestCase(6, 0, new long[] { 2000000000, 2000000000, 2000000000 }, new long[] { 0, 0, 0 }, "outside its storage")]
    [TestCase(7, 0, new long[] { 6 }, new long[] { 1 }, "storage '0'")]
    [TestCase(2000000000, 0, new long[] { 2000000000 }, new long[] { 1 }, "storage '0'")]
    public void Sizes_that_do_not_fit_are_refused_before_memory_is_taken(
        long storage,
        long offset,
        long[] shape,
        long[] strides,
        string why
    )
    {
        using var folder = new TempFolder();
        var pickle = PickleWriter.StateDict(("w", p => p.Tensor("0", storage, offset, shape, strides)));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Refusal.Of(
            () => PyTorchFile.ReadTensors(folder.Write("zip.pth", PickleWriter.Zip(pickle, CompressionLevel.NoCompression, ("0", Six)))),
            why
        );
        Refusal.Of(() => PyTorchFile.ReadTensors(folder.Write("plain.pth", PickleWriter.Plain(pickle, ("0", 4, Six)))), why);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(10_000_000));
    }

    [Test]
    public void Every_truncation_is_refused_in_one_line()
    {
        using var folder = new TempFolder();
        var counter = BitConverter.GetBytes(42L);
        var files = new[]
        {
            PickleWriter.Zip(Good, CompressionLevel.NoCompression, ("0", Six), ("1", counter)),
            PickleWriter.Plain(Good, ("0", 4, Six), ("1", 8, counter)),
        };
        foreach (var bytes in files)
            for (var length = 0; length < bytes.Length; length += 13)
                Refusal.Of(() => PyTorchFile.ReadTensors(folder.Write("cut.pth", bytes[..length])), "cut.pth");
    }

    [Test]
    public void A_compressed_entry_and_the_same_bytes_under_many_names_are_refused()
    {
        using var folder = new TempFolder();
        var pickle = PickleWriter.StateDict(("w", p => p.Tensor("0", 100_000, 0, [100_000], [1])));
        var bomb = PickleWriter.Zip(pickle, CompressionLevel.Optimal, ("0", new byte[400_000]));
        Refusal.Of(() => PyTorchFile.ReadTensors(folder.Write("bomb.pth", bomb)), "compressed");
        var many = PickleWriter.StateDict([
            .. Enumerable.Range(0, 9).Select(i => ($"w{i}", (Action<PickleWriter>)(p => p.Tensor("0", 100_000, 0, [100_000], [1])))),
        ]);
        var tied = PickleWriter.Zip(many, CompressionLevel.NoCompression, ("0", new byte[400_000]));
        Refusal.Of(() => PyTorchFile.ReadTensors(folder.Write("tied.pth", tied)), "more than twice");
    }

    [Test]
    public void A_list_that_holds_itself_is_refused()
    {
        using var folder = new TempFolder();
        var pickle = PickleWriter.Start().Op(']').Raw((byte)'q', 0).Raw((byte)'h', 0).Op('a').Op('.').Bytes;
        Refusal.Of(() => PyTorchFile.Open(folder.Write("self.pth", PickleWriter.Zip(pickle))), "nested too deep");
    }

    [Test]
    public void Lists_that_hold_one_another_many_times_are_refused_at_once()
    {
        using var folder = new TempFolder();
        var pickle = PickleWriter.Start().Op(']').Raw((byte)'q', 0);
        for (byte level = 1; level <= 30; level++)
        {
            pickle.Op(']').Op('(');
            for (var i = 0; i < 10; i++)
                pickle.Raw((byte)'h', (byte)(level - 1));
            pickle.Op('e').Raw((byte)'q', level);
        }

        RefusedAtOnce(folder.Write("fan.pth", PickleWriter.Zip(pickle.Op('.').Bytes)), "fan.pth", "entries");
    }

    [Test]
    public void Names_longer_than_any_tensor_s_are_refused_at_once()
    {
        using var folder = new TempFolder();
        var nested = PickleWriter.Start().Text(new string('b', 999)).Raw((byte)'q', 0).Op(']').Raw((byte)'q', 1);
        for (var level = 0; level < 4; level++)
            nested.Op('}').Raw((byte)'h', 0, (byte)'h', 1).Op('s').Raw((byte)'q', 1);
        RefusedAtOnce(folder.Write("deep.pth", PickleWriter.Zip(nested.Op('.').Bytes)), "deep.pth", "characters");

        var pickle = PickleWriter.Start().Text(new string('a', 1 << 22)).Raw((byte)'q', 0).Op(']').Op('(');
        for (var i = 0; i < 100_000; i++)
            pickle.Op('}').Raw((byte)'h', 0).Op(']').Op('s');
        RefusedAtOnce(folder.Write("name.pth", PickleWriter.Zip(pickle.Op('e').Op('.').Bytes)), "name.pth", "characters");
    }

    private static void RefusedAtOnce(string path, params string[] parts)
    {
        var open = Task.Run(() => PyTorchFile.Open(path));
        Assert.That(Task.WaitAny([open], TimeSpan.FromSeconds(20)), Is.Zero, "it goes on and on");
        Refusal.Of(() => open.GetAwaiter().GetResult(), parts);
    }
}
