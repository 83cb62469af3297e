using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace DiMum.Data;

/// <summary>One array of an <c>.npz</c> file: element type in NumPy's code (<c>|u1</c>, <c>&lt;f8</c>) and shape.</summary>
internal sealed record NpyHeader(string Type, long[] Shape, bool Fortran)
{
    public long Count => Shape.Aggregate(1L, (product, n) => checked(product * n));
}

/// <summary>NumPy's <c>.npz</c>: a zip of <c>.npy</c> arrays. Numbers only; sizes are held against the file's before memory is taken.</summary>
internal sealed partial class Npz : IDisposable
{
    private const string Expected = "an .npz file of NumPy";
    private readonly FileStream stream;
    private readonly ZipArchive zip;

    public Npz(string path)
    {
        stream = InputFile.Open(path, Expected);
        Path = stream.Name;
        try
        {
            zip = new ZipArchive(stream, ZipArchiveMode.Read);
        }
        catch (InvalidDataException e)
        {
            stream.Dispose();
            throw new UserError($"{Path}: not a zip ({e.Message}), expected {Expected}; copy or download it again", e);
        }
    }

    public string Path { get; }

    public IReadOnlyList<string> Names =>
        [.. zip.Entries.Where(e => e.FullName.EndsWith(".npy", StringComparison.Ordinal)).Select(e => e.FullName[..^4])];

    public bool Has(params string[] names) => names.All(n => zip.GetEntry(n + ".npy") is not null);

    /// <summary>A floating array in C order, finite throughout.</summary>
    /// <exception cref="UserError">It has another type, or holds NaN or infinities.</exception>
    public (double[] Values, long[] Shape) Doubles(string name)
    {
        using var data = OpenArray(name, out var header);
        if (header.Type is not ("<f8" or "<f4") || header.Shape.Length is < 1 or > 2)
            throw Bad(name, $"is of type {header.Type} with {header.Shape.Length} axes, expected float32 or float64 with 1 or 2");
        var (count, size) = (header.Count, header.Type == "<f8" ? 8 : 4);
        if (count * size > int.MaxValue / 2)
            throw Bad(name, $"holds {count} numbers, too many for statistics");
        var bytes = new byte[count * size];
        InputFile.Fill(data, bytes, Path, Expected);
        var values =
            size == 8
                ? MemoryMarshal.Cast<byte, double>(bytes).ToArray()
                : [.. MemoryMarshal.Cast<byte, float>(bytes).ToArray().Select(v => (double)v)];
        if (values.Any(v => !double.IsFinite(v)))
            throw Bad(name, "holds NaN or infinite numbers");
        return (header.Fortran && header.Shape.Length == 2 ? Transposed(values, header.Shape) : values, header.Shape);
    }

    /// <summary>An array's header and its data as a stream in C order.</summary>
    public Stream OpenArray(string name, out NpyHeader header)
    {
        var entry = zip.GetEntry(name + ".npy") ?? throw new UserError($"{Path}: has no array '{name}', it has {string.Join(", ", Names)}");
        var data = entry.Open();
        try
        {
            header = Header(data, name);
            var bytes = (System.Numerics.BigInteger)header.Count * (header.Type[^1] - '0');
            if (bytes > entry.Length)
                throw Bad(name, $"claims shape [{string.Join(',', header.Shape)}], {bytes} bytes, and has {entry.Length}");
            return data;
        }
        catch (Exception e)
        {
            data.Dispose();
            if (e is OverflowException or FormatException or InvalidDataException)
                throw Bad(name, $"is damaged ({e.Message})");
            throw;
        }
    }

    public void Dispose()
    {
        zip.Dispose();
        stream.Dispose();
    }

    public UserError Bad(string name, string why) => new($"{Path}: array '{name}' {why}");

    // \x93NUMPY, version, length of the header, and the header: a Python dictionary of three known keys.
    private NpyHeader Header(Stream data, string name)
    {
        Span<byte> head = stackalloc byte[8];
        InputFile.Fill(data, head, Path, Expected);
        if (head[0] != 0x93 || !head[1..6].SequenceEqual("NUMPY"u8) || head[6] is < 1 or > 3)
            throw Bad(name, "is no .npy array");
        var word = new byte[head[6] == 1 ? 2 : 4];
        InputFile.Fill(data, word, Path, Expected);
        long length = word.Length == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(word) : BinaryPrimitives.ReadUInt32LittleEndian(word);
        if (length > 10_000)
            throw Bad(name, $"has a header of {length} bytes");
        var bytes = new byte[length];
        InputFile.Fill(data, bytes, Path, Expected);
        var match = HeaderText().Match(Encoding.UTF8.GetString(bytes).Trim());
        if (!match.Success)
            throw Bad(name, "is no plain array of numbers (a header of an object or record array?); expected uint8, float32 or float64");
        var shape = match.Groups[3].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return new(
            match.Groups[1].Value,
            [.. shape.Select(n => long.Parse(n, System.Globalization.CultureInfo.InvariantCulture))],
            match.Groups[2].Value == "True"
        );
    }

    private static double[] Transposed(double[] values, long[] shape)
    {
        var result = new double[values.Length];
        for (long i = 0; i < shape[0]; i++)
        for (long j = 0; j < shape[1]; j++)
            result[i * shape[1] + j] = values[j * shape[0] + i];
        return result;
    }

    [GeneratedRegex(@"^\{\s*'descr':\s*'([<|][a-z][1-8])',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([0-9, ]*)\),?\s*\}$")]
    private static partial Regex HeaderText();
}
