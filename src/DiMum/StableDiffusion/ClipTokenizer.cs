using System.IO.Compression;
using System.Text;

namespace DiMum.StableDiffusion;

/// <summary>
/// CLIP's byte-pair tokenizer: text in lower case, cut into contractions, runs of letters, single digits and runs of other signs, each merged from
/// its bytes by rank (openai/CLIP@d05afc4 <c>simple_tokenizer.py</c>; text is cleaned as Hugging Face does, which Stable Diffusion 1.x uses).
/// </summary>
public sealed class ClipTokenizer
{
    /// <summary>Longest text with start and end, for Stable Diffusion 1.x.</summary>
    public const int Context = 77;

    private const string WordEnd = "</w>";
    private const string StartText = "<|startoftext|>";
    private const string EndText = "<|endoftext|>";
    private static readonly string[] Contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    private readonly PromptCleaning cleaning;
    private readonly string[] byteSymbols = ByteSymbols();
    private readonly Dictionary<string, int> ids = [];
    private readonly Dictionary<(string, string), int> ranks = [];
    private readonly Dictionary<string, int[]> known = [];

    /// <param name="merges">Pairs of symbols, best first.</param>
    /// <param name="cleaning">How text is cleaned.</param>
    public ClipTokenizer(IEnumerable<(string First, string Second)> merges, PromptCleaning cleaning = PromptCleaning.Fast)
    {
        this.cleaning = cleaning;
        foreach (var end in new[] { "", WordEnd })
        foreach (var b in ByteOrder())
            ids.Add(byteSymbols[b] + end, ids.Count);
        foreach (var pair in merges)
        {
            if (!ranks.TryAdd(pair, ranks.Count) || !ids.TryAdd(pair.First + pair.Second, ids.Count))
                throw new UserError($"the tokenizer's merges make '{pair.First}{pair.Second}' twice; expected each token once");
        }

        (Start, End) = (ids.Count, ids.Count + 1);
    }

    /// <summary>The embedded vocabulary of CLIP: 49,408 tokens.</summary>
    public static ClipTokenizer StableDiffusion(PromptCleaning cleaning = PromptCleaning.Fast)
    {
        const int count = 49152 - 256 - 2;
        using var packed = typeof(ClipTokenizer).Assembly.GetManifestResourceStream("bpe_simple_vocab_16e6.txt.gz")!;
        using var reader = new StreamReader(new GZipStream(packed, CompressionMode.Decompress), Encoding.UTF8);
        reader.ReadLine(); // a heading
        var merges = Enumerable.Range(0, count).Select(_ => reader.ReadLine()!.Split(' ')).Select(p => (p[0], p[1]));
        return new(merges.ToList(), cleaning);
    }

    /// <summary>Id of the start token.</summary>
    public int Start { get; }

    /// <summary>Id of the end token, which Stable Diffusion 1.x also pads with.</summary>
    public int End { get; }

    /// <summary>Number of tokens.</summary>
    public int Count => End + 1;

    /// <summary>The pairs of symbols it merges, best first.</summary>
    public IEnumerable<(string First, string Second)> Merges => ranks.OrderBy(r => r.Value).Select(r => r.Key);

    /// <summary>All tokens in the order of their ids, start and end last.</summary>
    public IEnumerable<string> Vocabulary => ids.OrderBy(i => i.Value).Select(i => i.Key).Append(StartText).Append(EndText);

    /// <summary>Ids of a text, without start and end.</summary>
    public IReadOnlyList<int> Tokenize(string text)
    {
        var result = new List<int>();
        var rest = Prompts.Clean(text, cleaning);
        while (rest.Length > 0)
        {
            var special = new[] { StartText, EndText }
                .Select(s => (Text: s, At: rest.IndexOf(s, StringComparison.Ordinal)))
                .Where(s => s.At >= 0)
                .OrderBy(s => s.At)
                .FirstOrDefault((Text: "", At: rest.Length));
            foreach (var word in Words(rest[..special.At]))
                result.AddRange(Merged(word));
            if (special.Text.Length > 0)
                result.Add(special.Text == StartText ? Start : End);
            rest = rest[(special.At + special.Text.Length)..];
        }

        return result;
    }

    /// <summary>Start, ids, end, and padding up to <paramref name="context"/>; a longer text is cut and keeps its end.</summary>
    /// <param name="text">The prompt.</param>
    /// <param name="context">Length of the result.</param>
    /// <param name="padding">What follows the end; null is the end token (Stable Diffusion 1.x), openai/CLIP has 0.</param>
    public long[] Padded(string text, int context = Context, int? padding = null)
    {
        var tokens = Tokenize(text).Take(context - 2).ToList();
        var result = new long[context];
        Array.Fill(result, padding ?? End);
        result[0] = Start;
        for (var i = 0; i < tokens.Count; i++)
            result[i + 1] = tokens[i];
        result[tokens.Count + 1] = End;
        return result;
    }

    private static IEnumerable<string> Words(string text)
    {
        var runes = text.EnumerateRunes().ToArray();
        for (var i = 0; i < runes.Length; )
        {
            var from = i;
            if (Rune.IsWhiteSpace(runes[i]))
            {
                i++;
                continue;
            }

            if (Contraction(runes, i) is { } length)
                i += length;
            else if (Rune.IsNumber(runes[i]))
                i++;
            else if (Rune.IsLetter(runes[i]))
                while (i < runes.Length && Rune.IsLetter(runes[i]))
                    i++;
            else
                while (i < runes.Length && !(Rune.IsWhiteSpace(runes[i]) || Rune.IsLetter(runes[i]) || Rune.IsNumber(runes[i])))
                    i++;
            yield return string.Concat(runes[from..i]);
        }
    }

    private static int? Contraction(Rune[] runes, int at)
    {
        foreach (var word in Contractions)
            if (at + word.Length <= runes.Length && word.Select((c, k) => runes[at + k].Value == c).All(same => same))
                return word.Length;
        return null;
    }

    private int[] Merged(string word)
    {
        if (known.TryGetValue(word, out var done))
            return done;
        var parts = Encoding.UTF8.GetBytes(word).Select(b => byteSymbols[b]).ToList();
        parts[^1] += WordEnd;
        while (parts.Count > 1)
        {
            var (first, second) = parts.Zip(parts.Skip(1)).MinBy(pair => ranks.GetValueOrDefault(pair, int.MaxValue));
            if (!ranks.ContainsKey((first, second)))
                break;
            for (var i = 0; i < parts.Count - 1; i++)
                if (parts[i] == first && parts[i + 1] == second)
                {
                    parts[i] += parts[i + 1];
                    parts.RemoveAt(i + 1);
                }
        }

        return known[word] = [.. parts.Select(p => ids[p])];
    }

    // Printable bytes first, then the others: the order of ids.
    private static IEnumerable<byte> ByteOrder()
    {
        static bool Printable(int b) => b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
        var all = Enumerable.Range(0, 256).ToList();
        return all.Where(Printable).Concat(all.Where(b => !Printable(b))).Select(b => (byte)b);
    }

    // A visible character for every byte: itself, or U+0100 and on for those that can't be seen.
    private static string[] ByteSymbols()
    {
        var symbols = new string[256];
        var next = 256;
        foreach (var (b, place) in ByteOrder().Select((b, i) => (b, i)))
            symbols[b] = ((char)(place < 188 ? b : next++)).ToString();
        return symbols;
    }
}
