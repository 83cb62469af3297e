using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace DiMum.StableDiffusion;

/// <summary>
/// Unicode normalisation form C from an embedded table of the Unicode Character Database: .NET's own leaves text as it is where globalisation is
/// invariant, as here.
/// </summary>
internal static class CanonicalComposition
{
    private const int HangulBase = 0xAC00;
    private const int LeadBase = 0x1100;
    private const int VowelBase = 0x1161;
    private const int TailBase = 0x11A7;
    private const int Vowels = 21;
    private const int Tails = 28;
    private const int Syllables = 19 * Vowels * Tails;

    private static readonly Dictionary<int, int[]> Parts = [];
    private static readonly Dictionary<(int, int), int> Whole = [];
    private static readonly Dictionary<int, int> Classes = [];

    static CanonicalComposition()
    {
        using var packed = typeof(CanonicalComposition).Assembly.GetManifestResourceStream("unicode-composition.txt.gz")!;
        using var reader = new StreamReader(new GZipStream(packed, CompressionMode.Decompress));
        static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        while (reader.ReadLine() is { } line)
        {
            if (line[0] == '#')
                continue;
            if (line.Split("..") is [var first, var rest])
            {
                var words = rest.Split(' ');
                for (var c = Hex(first); c <= Hex(words[0]); c++)
                    Classes[c] = int.Parse(words[1], CultureInfo.InvariantCulture);
                continue;
            }

            var at = line.IndexOfAny(['=', '-']);
            var (code, parts) = (Hex(line[..at]), line[(at + 1)..].Split(' ').Select(Hex).ToArray());
            Parts[code] = parts;
            if (line[at] == '=')
                Whole[(parts[0], parts[1])] = code;
        }
    }

    /// <summary>The text with every canonically equal sequence composed.</summary>
    public static string Of(string text)
    {
        var points = new List<int>();
        foreach (var rune in text.EnumerateRunes())
            Decompose(rune.Value, points);
        Order(points);
        var result = new StringBuilder();
        foreach (var point in Compose(points))
            result.Append(new Rune(point).ToString());
        return result.ToString();
    }

    private static int Class(int point) => Classes.GetValueOrDefault(point);

    private static void Decompose(int point, List<int> into)
    {
        var syllable = point - HangulBase;
        if (syllable is >= 0 and < Syllables)
        {
            into.Add(LeadBase + syllable / (Vowels * Tails));
            into.Add(VowelBase + syllable % (Vowels * Tails) / Tails);
            if (syllable % Tails != 0)
                into.Add(TailBase + syllable % Tails);
        }
        else if (Parts.TryGetValue(point, out var parts))
        {
            foreach (var part in parts)
                Decompose(part, into);
        }
        else
        {
            into.Add(point);
        }
    }

    // Marks by class, those of one class as they stand.
    private static void Order(List<int> points)
    {
        for (var i = 1; i < points.Count; i++)
        for (var j = i; j > 0 && Class(points[j]) != 0 && Class(points[j - 1]) > Class(points[j]); j--)
            (points[j - 1], points[j]) = (points[j], points[j - 1]);
    }

    private static List<int> Compose(List<int> points)
    {
        var result = new List<int>();
        var starter = -1;
        foreach (var point in points)
        {
            var (mine, last) = (Class(point), result.Count > 0 ? Class(result[^1]) : 0);
            var blocked = starter < result.Count - 1 && (last == 0 || last >= mine);
            if (starter >= 0 && !blocked && Pair(result[starter], point) is { } whole)
            {
                result[starter] = whole;
                continue;
            }

            if (mine == 0)
                starter = result.Count;
            result.Add(point);
        }

        return result;
    }

    private static int? Pair(int first, int second)
    {
        if (first - LeadBase is >= 0 and < 19 && second - VowelBase is >= 0 and < Vowels)
            return HangulBase + ((first - LeadBase) * Vowels + second - VowelBase) * Tails;
        if (first - HangulBase is >= 0 and < Syllables && (first - HangulBase) % Tails == 0 && second - TailBase is > 0 and < Tails)
            return first + second - TailBase;
        return Whole.TryGetValue((first, second), out var whole) ? whole : null;
    }
}
