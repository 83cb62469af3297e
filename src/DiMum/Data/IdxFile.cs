using System.Buffers.Binary;
using System.IO.Compression;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>
/// One IDX file of unsigned bytes: a big-endian header (magic 0x0000080d with d dimensions, then d sizes of 32 bits), then the items.
/// Whether it is gzip-compressed is read from its first bytes, since browsers decompress without renaming.
/// </summary>
internal sealed class IdxFile : IDisposable
{
    private const long MostItems = 1_000_000;
    private const long MostDeflateRatio = 1032; // deflate's own limit: 258 bytes out of two bits

    private readonly FileStream _file;
    private readonly int[] _itemShape;
    private Stream _stream;

    private IdxFile(string path, int[] itemShape)
    {
        Path = path;
        _itemShape = itemShape;
        _file = InputFile.Open(path, "an IDX file");
        _stream = _file;
    }

    public string Path { get; }

    /// <summary>Number of items, from the header; already checked against the file's length.</summary>
    public long Count { get; private set; }

    private long BodyBytes => _itemShape.Aggregate(Count, (product, side) => product * side);

    /// <summary>Opens the file and checks its header against <paramref name="itemShape"/> and its length.</summary>
    /// <exception cref="UserError">The file cannot be read, or its magic number, item shape, count or length is wrong.</exception>
    public static IdxFile Open(string path, params int[] itemShape)
    {
        var file = new IdxFile(path, itemShape);
        try
        {
            file.Decompress();
            file.ReadHeader();
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>All items, uint8 [N, item shape].</summary>
    /// <exception cref="UserError">The body is corrupt, shorter or longer than the header says.</exception>
    public Tensor Read()
    {
        var expected = $"{BodyBytes:N0} bytes after its header, for {Count:N0} items";
        var items = empty([Count, .. _itemShape.Select(s => (long)s)], ScalarType.Byte);
        InputFile.Fill(_stream, items.bytes, Path, expected);
        if (HasMore(expected))
            throw new UserError($"{Path}: holds more data than its header says, expected {expected}; download it again");
        return items;
    }

    public void Dispose()
    {
        _stream.Dispose();
        _file.Dispose();
    }

    private bool HasMore(string expected)
    {
        try
        {
            return _stream.ReadByte() >= 0;
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw InputFile.Explain(Path, expected, e);
        }
    }

    private void Decompress()
    {
        Span<byte> start = stackalloc byte[2];
        InputFile.Fill(_file, start, Path, "an IDX file");
        _file.Position = 0;
        if (start is [0x1f, 0x8b])
            _stream = new GZipStream(_file, CompressionMode.Decompress, leaveOpen: true);
    }

    private void ReadHeader()
    {
        var header = new byte[4 * (2 + _itemShape.Length)];
        var magic = 0x0801u + (uint)_itemShape.Length;
        var expected = $"magic number 0x{magic:x8} (IDX of unsigned bytes, {1 + _itemShape.Length} dimensions)";
        InputFile.Fill(_stream, header, Path, $"a header of {header.Length} bytes with {expected}");
        var found = Word(header, 0);
        if (found != magic)
            throw new UserError($"{Path}: starts with 0x{found:x8}, expected {expected}; is it another file under this name?");
        for (var i = 0; i < _itemShape.Length; i++)
            if (Word(header, 2 + i) != _itemShape[i])
                throw new UserError(
                    $"{Path}: items of {Word(header, 2)}×{Word(header, 3)}, expected {string.Join('×', _itemShape)}; "
                        + "use a data set of that size"
                );
        Count = Word(header, 1);
        CheckLength(header.Length);
    }

    private void CheckLength(long headerBytes)
    {
        var expected = $"{headerBytes + BodyBytes:N0} bytes for the {Count:N0} items its header announces";
        if (Count is 0 or > MostItems)
            throw new UserError($"{Path}: its header announces {Count:N0} items, expected 1…{MostItems:N0}; download it again");
        if (_stream == _file && _file.Length != headerBytes + BodyBytes)
        {
            var fault = _file.Length < headerBytes + BodyBytes ? "truncated" : "too large";
            throw new UserError($"{Path}: {fault} at {_file.Length:N0} bytes, expected {expected}; copy or download it again");
        }
        if (_stream != _file && BodyBytes > MostDeflateRatio * _file.Length)
            throw new UserError($"{Path}: its {_file.Length:N0} compressed bytes cannot hold the expected {expected}; download it again");
    }

    private static uint Word(byte[] header, int index) => BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(4 * index));
}
