using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace DiMum.Tests.Checkpoints;

/// <summary>Writes pickles opcode by opcode, and the two layouts of PyTorch files around them: good ones and hostile ones.</summary>
internal sealed class PickleWriter
{
    private readonly MemoryStream stream = new();

    public byte[] Bytes => stream.ToArray();

    public PickleWriter Raw(params byte[] bytes)
    {
        stream.Write(bytes);
        return this;
    }

    public PickleWriter Op(char code) => Raw((byte)code);

    public PickleWriter Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return Raw([(byte)'X', .. Word(bytes.Length), .. bytes]);
    }

    public PickleWriter Number(long value) => Raw([(byte)'J', .. Word((int)value)]);

    public PickleWriter Global(string module, string name) => Raw([(byte)'c', .. Encoding.ASCII.GetBytes($"{module}\n{name}\n")]);

    public PickleWriter Numbers(params long[] values)
    {
        Op('(');
        foreach (var value in values)
            Number(value);
        return Op('t');
    }

    /// <summary>A tensor as torch.save pickles it.</summary>
    public PickleWriter Tensor(string key, long storage, long offset, long[] shape, long[] strides, string type = "FloatStorage")
    {
        Global("torch._utils", "_rebuild_tensor_v2").Op('(');
        Op('(').Text("storage").Global("torch", type).Text(key).Text("cpu").Number(storage).Op('t').Op('Q');
        Number(offset).Numbers(shape).Numbers(strides).Raw(0x89);
        return Global("collections", "OrderedDict").Op(')').Op('R').Op('t').Op('R');
    }

    /// <summary>A number of NumPy as protocol 2 pickles it: its type with a state, and its bytes by way of a text.</summary>
    public PickleWriter NumpyNumber(string core = "numpy.core")
    {
        Global($"{core}.multiarray", "scalar");
        Global("numpy", "dtype").Text("f8").Raw(0x89, 0x88, 0x87).Op('R');
        Op('(').Number(3).Text("<").Op('N').Op('N').Op('N').Number(-1).Number(-1).Number(0).Op('t').Op('b');
        return Global("_codecs", "encode").Text("\0\0\0\0\0\0ð?").Text("latin1").Raw(0x86).Op('R').Raw(0x86).Op('R');
    }

    public static PickleWriter Start() => new PickleWriter().Raw(0x80, 2);

    /// <summary>An ordered dictionary of named tensors, as a state dict.</summary>
    public static byte[] StateDict(params (string Name, Action<PickleWriter> Write)[] entries)
    {
        var writer = Start().Global("collections", "OrderedDict").Op(')').Op('R').Op('(');
        foreach (var (name, write) in entries)
            write(writer.Text(name));
        return writer.Op('u').Op('}').Text("_metadata").Global("collections", "OrderedDict").Op(')').Op('R').Op('s').Op('b').Op('.').Bytes;
    }

    /// <summary>The zip layout.</summary>
    public static byte[] Zip(
        byte[] pickle,
        CompressionLevel level = CompressionLevel.NoCompression,
        params (string Key, byte[] Data)[] storages
    )
    {
        using var target = new MemoryStream();
        using (var zip = new ZipArchive(target, ZipArchiveMode.Create))
            foreach (var (name, data) in storages.Select(s => ($"archive/data/{s.Key}", s.Data)).Prepend(("archive/data.pkl", pickle)))
            {
                using var entry = zip.CreateEntry(name, level).Open();
                entry.Write(data);
            }

        return target.ToArray();
    }

    /// <summary>The layout before PyTorch 1.6.</summary>
    public static byte[] Plain(byte[] pickle, params (string Key, int ElementSize, byte[] Data)[] storages)
    {
        using var target = new MemoryStream();
        target.Write(Start().Raw(0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19).Op('.').Bytes);
        target.Write(Start().Raw((byte)'M', 0xe9, 0x03).Op('.').Bytes);
        target.Write(Start().Op('}').Text("little_endian").Raw(0x88).Op('s').Op('.').Bytes);
        target.Write(pickle);
        var keys = Start().Op(']').Op('(');
        foreach (var (key, _, _) in storages)
            keys.Text(key);
        target.Write(keys.Op('e').Op('.').Bytes);
        foreach (var (_, size, data) in storages)
        {
            var count = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(count, data.Length / size);
            target.Write(count);
            target.Write(data);
        }

        return target.ToArray();
    }

    public static byte[] Floats(params float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    private static byte[] Word(int value) => BitConverter.GetBytes(value);
}
