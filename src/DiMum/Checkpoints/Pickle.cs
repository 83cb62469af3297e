using System.Buffers.Binary;
using System.Text;

namespace DiMum.Checkpoints;

/// <summary>A Python tuple.</summary>
internal sealed record PickleTuple(object?[] Items);

/// <summary>A module's member by name. It is only ever compared with known names; nothing is imported or called.</summary>
internal sealed record PickleGlobal(string Name);

/// <summary>What was made by a member that is passed over: its name, and nothing of its arguments or state.</summary>
internal sealed record PickleOpaque(string Name);

/// <summary>
/// Reads the plain part of Python's pickle format: None, booleans, numbers, strings, lists, tuples and dictionaries, and whatever
/// <see cref="Build"/> makes of a named member and its arguments. Nothing is executed: an unknown member is refused by its name.
/// Memory stays in proportion to the bytes read.
/// </summary>
internal sealed class Pickle(Stream stream, Func<string, Exception> bad)
{
    /// <summary>Of a dictionary's key: one text may be the key of many, and is hashed for each.</summary>
    public const int LongestKey = 1000;

    private const int LongestText = 1 << 24;
    private readonly List<object?> stack = [];
    private readonly Stack<int> marks = [];
    private readonly Dictionary<long, object?> memo = [];

    /// <summary>Whether a member's name is known.</summary>
    public required Func<string, bool> Known { get; init; }

    /// <summary>A member applied to arguments.</summary>
    public required Func<string, object?[], object?> Build { get; init; }

    /// <summary>What a persistent identifier stands for.</summary>
    public required Func<object?, object?> Persistent { get; init; }

    /// <summary>The next pickle of the stream.</summary>
    public object? Read()
    {
        while (true)
        {
            var code = Byte();
            if (code == '.')
                return Pop();
            Step(code);
        }
    }

    private void Step(byte code)
    {
        switch (code)
        {
            case 0x80: // PROTO
                if (Byte() is var version && version is < 2 or > 5)
                    throw bad($"its pickle is of protocol {version}, expected 2…5");
                break;
            case 0x95: // FRAME
                Exactly(8);
                break;
            case (byte)'(':
                marks.Push(stack.Count);
                break;
            case (byte)'0':
                Pop();
                break;
            case (byte)'2':
                stack.Add(Top());
                break;
            case (byte)'q':
                memo[Byte()] = Top();
                break;
            case (byte)'r':
                memo[Word()] = Top();
                break;
            case 0x94: // MEMOIZE
                memo[memo.Count] = Top();
                break;
            case (byte)'h':
                stack.Add(Remembered(Byte()));
                break;
            case (byte)'j':
                stack.Add(Remembered(Word()));
                break;
            case (byte)'c':
                Member(Line(), Line());
                break;
            case 0x93: // STACK_GLOBAL
                var (name, module) = (Pop() as string, Pop() as string);
                Member(module ?? "", name ?? "");
                break;
            case (byte)'R':
                Reduce();
                break;
            case (byte)'b': // a state: dictionaries carry '_metadata' there, which says nothing about the tensors
                Pop();
                if (Top() is not (Dictionary<object, object?> or PickleOpaque))
                    throw bad("its pickle sets the state of an object; only tensors, numbers, text, lists and dictionaries are read");
                break;
            case (byte)'Q':
                stack.Add(Persistent(Pop()));
                break;
            default:
                if (!Scalar(code) && !Container(code))
                    throw bad($"its pickle holds opcode 0x{code:x2}, which no weights file needs; nothing of it was executed");
                break;
        }
    }

    private bool Scalar(byte code)
    {
        object? value;
        switch (code)
        {
            case (byte)'N':
                value = null;
                break;
            case 0x88 or 0x89:
                value = code == 0x88;
                break;
            case (byte)'K':
                value = (long)Byte();
                break;
            case (byte)'M':
                value = (long)BinaryPrimitives.ReadUInt16LittleEndian(Exactly(2));
                break;
            case (byte)'J':
                value = (long)BinaryPrimitives.ReadInt32LittleEndian(Exactly(4));
                break;
            case (byte)'G':
                value = BinaryPrimitives.ReadDoubleBigEndian(Exactly(8));
                break;
            case 0x8a: // LONG1, up to 8 bytes; longer ones (the legacy file's magic number) as text
                var bytes = Exactly(Byte());
                value = bytes.Length <= 8 ? Long(bytes) : "0x" + Convert.ToHexStringLower([.. bytes.Reverse()]);
                break;
            case (byte)'X' or (byte)'T' or (byte)'B':
                value = Text(Word());
                break;
            case 0x8c or (byte)'U' or (byte)'C':
                value = Text(Byte());
                break;
            default:
                return false;
        }

        stack.Add(value);
        return true;
    }

    private bool Container(byte code)
    {
        switch (code)
        {
            case (byte)')':
                stack.Add(new PickleTuple([]));
                break;
            case (byte)'t':
                stack.Add(new PickleTuple([.. Marked()]));
                break;
            case 0x85 or 0x86 or 0x87:
                var items = Enumerable.Range(0, code - 0x84).Select(_ => Pop()).Reverse().ToArray();
                stack.Add(new PickleTuple(items));
                break;
            case (byte)']':
                stack.Add(new List<object?>());
                break;
            case (byte)'a':
                var item = Pop();
                List().Add(item);
                break;
            case (byte)'e':
                var more = Marked();
                List().AddRange(more);
                break;
            case (byte)'}':
                stack.Add(new Dictionary<object, object?>());
                break;
            case (byte)'s':
                var (value, key) = (Pop(), Pop());
                Put([key, value]);
                break;
            case (byte)'u':
                Put(Marked());
                break;
            default:
                return false;
        }

        return true;
    }

    private void Member(string module, string name)
    {
        var full = $"{module}.{name}";
        if (!Known(full))
            throw bad(
                $"its pickle names '{Printable(full)}', which is neither a tensor nor a plain container; nothing was executed. Ask its author for safetensors"
            );
        stack.Add(new PickleGlobal(full));
    }

    private void Reduce()
    {
        var arguments = Pop();
        var member = Pop();
        if (member is not PickleGlobal global || arguments is not PickleTuple tuple)
            throw bad("its pickle calls something that is no named member");
        stack.Add(Build(global.Name, tuple.Items));
    }

    private void Put(IReadOnlyList<object?> pairs)
    {
        var target = Top();
        if (target is PickleOpaque)
            return;
        if (target is not Dictionary<object, object?> dictionary || pairs.Count % 2 != 0)
            throw bad("its pickle sets items of what is no dictionary");
        for (var i = 0; i < pairs.Count; i += 2)
            dictionary[Key(pairs[i])] = pairs[i + 1];
    }

    private object Key(object? key) =>
        key switch
        {
            string { Length: > LongestKey } text => throw bad($"its pickle has a key of {text.Length:N0} characters"),
            string or long or bool or double or PickleGlobal => key,
            _ => throw bad("its pickle has a key that is no text and no number"),
        };

    private List<object?> List() => Top() as List<object?> ?? throw bad("its pickle appends to what is no list");

    private List<object?> Marked()
    {
        if (!marks.TryPop(out var from) || from > stack.Count)
            throw bad("its pickle is malformed: no mark to go back to");
        var items = stack.GetRange(from, stack.Count - from);
        stack.RemoveRange(from, items.Count);
        return items;
    }

    private object? Top() => stack.Count > 0 ? stack[^1] : throw bad("its pickle is malformed: the stack is empty");

    private object? Pop()
    {
        var top = Top();
        stack.RemoveAt(stack.Count - 1);
        return top;
    }

    private object? Remembered(long index) =>
        memo.TryGetValue(index, out var value) ? value : throw bad("its pickle recalls what it never stored");

    private byte Byte() => Exactly(1)[0];

    private long Word() => BinaryPrimitives.ReadUInt32LittleEndian(Exactly(4));

    private string Text(long length) =>
        length <= LongestText ? Encoding.UTF8.GetString(Exactly((int)length)) : throw bad($"its pickle holds a text of {length} bytes");

    private string Line()
    {
        var text = new StringBuilder();
        for (var b = Byte(); b != '\n'; b = Byte())
            if (text.Append((char)b).Length > 1000)
                throw bad("its pickle holds an endless name");
        return text.ToString();
    }

    private byte[] Exactly(int count)
    {
        var bytes = new byte[count];
        return stream.ReadAtLeast(bytes, count, throwOnEndOfStream: false) == count ? bytes : throw bad("its pickle ends early");
    }

    private static long Long(byte[] bytes) => bytes.Length == 0 ? 0 : (long)new System.Numerics.BigInteger(bytes);

    private static string Printable(string name) => new([.. name.Take(100).Select(c => char.IsControl(c) ? '?' : c)]);
}
