using System.Globalization;
using System.Text;

namespace DiMum.StableDiffusion;

/// <summary>How Hugging Face's tokenizers clean a prompt; they agree on ordinary text.</summary>
public enum PromptCleaning
{
    /// <summary>The fast (Rust) tokenizer: form C, runs of white space as one space, lower case.</summary>
    Fast,

    /// <summary>The slow (Python) one without ftfy: no control characters, spaces around ideographs, form C, lower case.</summary>
    Basic,
}

/// <summary>The cleaning itself.</summary>
internal static class Prompts
{
    private static readonly (int From, int To)[] Ideographs =
    [
        (0x4E00, 0x9FFF),
        (0x3400, 0x4DBF),
        (0x20000, 0x2A6DF),
        (0x2A700, 0x2B73F),
        (0x2B740, 0x2B81F),
        (0x2B820, 0x2CEAF),
        (0xF900, 0xFAFF),
        (0x2F800, 0x2FA1F),
    ];

    public static string Clean(string text, PromptCleaning cleaning)
    {
        if (cleaning == PromptCleaning.Fast)
            return Lower(CanonicalComposition.Of(text), finalSigma: false);
        var kept = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
            if (rune.Value is '\t' or '\n' or '\r' || Rune.GetUnicodeCategory(rune) == UnicodeCategory.SpaceSeparator)
                kept.Append(' ');
            else if (rune.Value is 0xFFFD || IsOther(Rune.GetUnicodeCategory(rune)))
                continue;
            else if (Ideographs.Any(r => rune.Value >= r.From && rune.Value <= r.To))
                kept.Append(' ').Append(rune.ToString()).Append(' ');
            else
                kept.Append(rune.ToString());
        return Lower(CanonicalComposition.Of(kept.ToString()), finalSigma: true);
    }

    private static bool IsOther(UnicodeCategory category) =>
        category
            is UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.Surrogate
                or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned;

    // İ becomes two characters; at the end of a word Python writes ς for Σ, Rust's per-character mapping does not.
    private static string Lower(string text, bool finalSigma)
    {
        var runes = text.EnumerateRunes().ToArray();
        var result = new StringBuilder();
        for (var i = 0; i < runes.Length; i++)
        {
            bool Letter(int at) => at >= 0 && at < runes.Length && Rune.IsLetter(runes[at]);
            result.Append(
                runes[i].Value switch
                {
                    0x130 => "i\u0307",
                    0x3A3 when finalSigma && Letter(i - 1) && !Letter(i + 1) => "ς",
                    _ => Rune.ToLowerInvariant(runes[i]).ToString(),
                }
            );
        }

        return result.ToString();
    }
}
