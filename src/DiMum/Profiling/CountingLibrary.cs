using System.Buffers.Binary;
using System.Text;

namespace DiMum.Profiling;

/// <summary>
/// A shared library for Linux on x86-64, made in memory: for every name a function that adds one to its counter and jumps to the address in its
/// slot. Arguments, stack and return address are those of the caller, so it stands before any function whatever its signature. The counters and
/// the slots (64-bit, in the order of the names) are exported as <see cref="Counters"/> and <see cref="Slots"/>; slots start at 0 and must be
/// filled before the first call.
/// </summary>
internal static class CountingLibrary
{
    public const string Counters = "dimum_counters";
    public const string Slots = "dimum_slots";
    private const int Page = 0x1000;
    private const int HeaderSize = 64;
    private const int SegmentSize = 56;
    private const int SymbolSize = 24;
    private const int ThunkSize = 16;

    /// <summary>The file's bytes (ELF-64, System V hash table, no sections).</summary>
    public static byte[] Build(IReadOnlyList<string> names)
    {
        var symbols = names.Count + 3; // number 0 is none; two tables
        var strings = Strings([.. names, Counters, Slots], out var nameAt);
        var symbolTable = HeaderSize + 4 * SegmentSize;
        var stringTable = symbolTable + symbols * SymbolSize;
        var hash = Up(stringTable + strings.Length, 8);
        var text = Up(hash + 4 * (2 + 1 + symbols), ThunkSize);
        var writable = Up(text + names.Count * ThunkSize, Page);
        var counters = writable + 16 * 6; // after the dynamic table
        var slots = counters + 8 * names.Count;
        var end = slots + 8 * names.Count;

        var file = new byte[end];
        Header(file);
        Segment(file, 0, type: 1, flags: 5, at: 0, size: text + names.Count * ThunkSize, align: Page); // load, read and execute
        Segment(file, 1, type: 1, flags: 6, at: writable, size: end - writable, align: Page); // load, read and write
        Segment(file, 2, type: 2, flags: 6, at: writable, size: 16 * 6, align: 8); // dynamic
        Segment(file, 3, type: 0x6474e551, flags: 6, at: 0, size: 0, align: 16); // the stack is not executable
        strings.CopyTo(file, stringTable);
        for (var i = 0; i < names.Count; i++)
        {
            Symbol(file, symbolTable, 1 + i, nameAt[i], info: 0x12, text + i * ThunkSize, ThunkSize); // global function
            Thunk(file, text + i * ThunkSize, counters + 8 * i, slots + 8 * i);
        }

        Symbol(file, symbolTable, names.Count + 1, nameAt[names.Count], info: 0x11, counters, 8 * names.Count); // global object
        Symbol(file, symbolTable, names.Count + 2, nameAt[names.Count + 1], info: 0x11, slots, 8 * names.Count);
        Hash(file, hash, symbols);
        // Hash table, string table, symbol table, size of the strings, size of a symbol, end.
        long[] dynamic = [4, hash, 5, stringTable, 6, symbolTable, 10, strings.Length, 11, SymbolSize, 0, 0];
        for (var i = 0; i < dynamic.Length; i++)
            Put64(file, writable + 8 * i, dynamic[i]);
        return file;
    }

    private static byte[] Strings(IReadOnlyList<string> names, out int[] at)
    {
        var bytes = new List<byte> { 0 };
        at = new int[names.Count];
        for (var i = 0; i < names.Count; i++)
        {
            at[i] = bytes.Count;
            bytes.AddRange(Encoding.ASCII.GetBytes(names[i]));
            bytes.Add(0);
        }

        return [.. bytes];
    }

    private static void Header(byte[] file)
    {
        ReadOnlySpan<byte> identity = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identity.CopyTo(file);
        Put16(file, 16, 3); // shared object
        Put16(file, 18, 62); // x86-64
        Put32(file, 20, 1);
        Put64(file, 32, HeaderSize); // segments follow the header
        Put16(file, 52, HeaderSize);
        Put16(file, 54, SegmentSize);
        Put16(file, 56, 4);
        Put16(file, 58, 64); // size of a section's header; there is none
    }

    private static void Segment(byte[] file, int number, uint type, uint flags, long at, long size, long align)
    {
        var entry = HeaderSize + number * SegmentSize;
        Put32(file, entry, type);
        Put32(file, entry + 4, flags);
        Put64(file, entry + 8, at); // offset, address and physical address are the same
        Put64(file, entry + 16, at);
        Put64(file, entry + 24, at);
        Put64(file, entry + 32, size);
        Put64(file, entry + 40, size);
        Put64(file, entry + 48, align);
    }

    private static void Symbol(byte[] file, int table, int number, int name, byte info, long value, long size)
    {
        var entry = table + number * SymbolSize;
        Put32(file, entry, (uint)name);
        file[entry + 4] = info;
        Put16(file, entry + 6, 1); // any section but «undefined»
        Put64(file, entry + 8, value);
        Put64(file, entry + 16, size);
    }

    // lock inc qword [rip + counter]; jmp [rip + slot].
    private static void Thunk(byte[] file, int at, int counter, int slot)
    {
        ReadOnlySpan<byte> increment = [0xf0, 0x48, 0xff, 0x05];
        ReadOnlySpan<byte> jump = [0xff, 0x25];
        increment.CopyTo(file.AsSpan(at));
        Put32(file, at + 4, (uint)(counter - (at + 8)));
        jump.CopyTo(file.AsSpan(at + 8));
        Put32(file, at + 10, (uint)(slot - (at + 14)));
    }

    // One bucket: a chain through all symbols, each looked up once.
    private static void Hash(byte[] file, int at, int symbols)
    {
        Put32(file, at, 1);
        Put32(file, at + 4, (uint)symbols);
        Put32(file, at + 8, 1); // the chain begins with symbol 1
        for (var i = 1; i < symbols; i++)
            Put32(file, at + 12 + 4 * i, (uint)(i + 1 < symbols ? i + 1 : 0));
    }

    private static int Up(int value, int multiple) => (value + multiple - 1) / multiple * multiple;

    private static void Put16(byte[] file, int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), value);

    private static void Put32(byte[] file, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), value);

    private static void Put64(byte[] file, int at, long value) => BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(at), value);
}
