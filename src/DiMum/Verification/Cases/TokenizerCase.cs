using DiMum.StableDiffusion;

namespace DiMum.Verification.Cases;

/// <summary>
/// Token ids of prompts as both of Hugging Face's tokenizers give them, and padding. Where openai/CLIP's own cleaning (ftfy, HTML entities) makes
/// others, those stay unchecked: it is not built here.
/// </summary>
internal static class TokenizerCase
{
    private const string OpenAi = "openai_ids_without_specials";

    public static void Run(CaseRun run)
    {
        var (check, rules) = (run.Check, run.File.Expected("rules"));
        var (fast, basic) = (ClipTokenizer.StableDiffusion(), ClipTokenizer.StableDiffusion(PromptCleaning.Basic));
        check.Number(rules["sot"], fast.Start);
        check.Number(rules["eot"], fast.End);
        check.Number(rules["vocab_size"], fast.Count);
        var context = (int)rules["context"].Integer();
        foreach (var prompt in run.File.Expected("prompts").Items())
        {
            var text = prompt["text"].Text();
            // A variant is listed only where it differs from openai/CLIP's ids.
            Compare(check, prompt.Find("hf_fast_ids_without_specials") ?? prompt[OpenAi], fast.Tokenize(text));
            Compare(check, prompt.Find("hf_slow_basic_ids_without_specials") ?? prompt[OpenAi], basic.Tokenize(text));
            var agreeing =
                !prompt.Has("hf_fast_ids_without_specials") ? fast
                : !prompt.Has("hf_slow_basic_ids_without_specials") ? basic
                : null;
            if (agreeing is null)
                continue;
            var length = agreeing.Tokenize(text).Count + 2;
            check.Number(prompt["length_with_specials"], length);
            var tooLong = prompt["too_long_error_without_truncate"];
            check.Require(tooLong.Flag() == length > context, tooLong.Path, $"{length} tokens");
            if (prompt.Find("openai_padded_77") is { } padded)
                check.Numbers(padded, [.. agreeing.Padded(text, context, padding: 0).Select(i => (double)i)]);
        }

        var example = run.File.Expected("example_padded");
        var sample = example["text"].Text();
        check.Numbers(example["openai"], [.. fast.Padded(sample, context, padding: 0).Select(i => (double)i)]);
        check.Numbers(example["sd"], [.. fast.Padded(sample, context).Select(i => (double)i)]);
    }

    private static void Compare(Checker check, GoldenNode want, IReadOnlyList<int> got) =>
        check.Numbers(want, [.. got.Select(i => (double)i)]);
}
