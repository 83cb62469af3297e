using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using DiMum.Checkpoints;
using DiMum.Data;

namespace DiMum.StableDiffusion;

/// <summary>
/// The tokenizer of a diffusers folder: <c>merges.txt</c> decides, <c>vocab.json</c> is held against it, so that a lost or damaged line is found and
/// not silently tokenized around.
/// </summary>
internal static class TokenizerFolder
{
    private const string Heading = "#version: 0.2";
    private const string EndText = "<|endoftext|>";
    private static readonly JsonSerializerOptions Plain = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
    };

    /// <exception cref="UserError">A file is missing or malformed, or the two disagree.</exception>
    public static ClipTokenizer Read(string folder)
    {
        var merges = Path.Combine(folder, "merges.txt");
        var tokenizer = new ClipTokenizer(Merges(merges));
        Agree(tokenizer, JsonConfig.Read(Path.Combine(folder, "vocab.json"), "a tokenizer's vocabulary"), merges);
        var config = Path.Combine(folder, "tokenizer_config.json");
        if (File.Exists(config))
            PadsWithEnd(JsonConfig.Read(config, "a tokenizer's configuration"));
        return tokenizer;
    }

    public static void Write(string folder, ClipTokenizer tokenizer, int context)
    {
        var merges = new StringBuilder(Heading).Append('\n');
        foreach (var (first, second) in tokenizer.Merges)
            merges.Append(first).Append(' ').Append(second).Append('\n');
        AtomicFile.WriteText(Path.Combine(folder, "merges.txt"), merges.ToString());
        var vocabulary = new JsonObject();
        foreach (var (token, id) in tokenizer.Vocabulary.Select((t, i) => (t, i)))
            vocabulary[token] = id;
        AtomicFile.WriteText(Path.Combine(folder, "vocab.json"), vocabulary.ToJsonString(Plain));
        var special = new JsonObject
        {
            ["bos_token"] = "<|startoftext|>",
            ["eos_token"] = EndText,
            ["pad_token"] = EndText,
            ["unk_token"] = EndText,
        };
        AtomicFile.WriteText(Path.Combine(folder, "special_tokens_map.json"), special.ToJsonString(Plain));
        special["add_prefix_space"] = false;
        special["do_lower_case"] = true;
        special["errors"] = "replace";
        special["model_max_length"] = context;
        special["tokenizer_class"] = "CLIPTokenizer";
        AtomicFile.WriteText(Path.Combine(folder, "tokenizer_config.json"), special.ToJsonString(Plain));
    }

    private static List<(string, string)> Merges(string path)
    {
        using var reader = new StreamReader(InputFile.Open(path, "a tokenizer's merges"), Encoding.UTF8);
        var pairs = new List<(string, string)>();
        for (var number = 1; reader.ReadLine() is { } line; number++)
        {
            if (number == 1 && line.StartsWith("#version", StringComparison.Ordinal) || line.Length == 0)
                continue;
            if (line.Split(' ') is not [{ Length: > 0 } first, { Length: > 0 } second])
                throw new UserError($"{Path.GetFullPath(path)}:{number}: '{line}' is no pair of symbols; fetch the file again");
            pairs.Add((first, second));
        }

        return pairs;
    }

    private static void Agree(ClipTokenizer tokenizer, JsonConfig vocabulary, string merges)
    {
        var made = tokenizer.Vocabulary.Select((token, id) => (token, id)).ToDictionary(t => t.token, t => t.id, StringComparer.Ordinal);
        var listed = vocabulary.AllInts();
        if (listed.Keys.FirstOrDefault(token => !made.ContainsKey(token)) is { } unmade)
            throw new UserError(
                $"{Path.GetFullPath(merges)}: no merge makes '{unmade}', which {vocabulary.Path} lists as token {listed[unmade]}: a line is missing; fetch the file again"
            );
        foreach (var (token, id) in made)
            if (!listed.TryGetValue(token, out var other))
                throw new UserError(
                    $"{vocabulary.Path}: has no token '{token}', which {merges} makes: a line is missing; fetch the file again"
                );
            else if (other != id)
                throw new UserError(
                    $"{vocabulary.Path}: token '{token}' is {other}, by the order of {merges} it is {id}; the two files are of different tokenizers"
                );
    }

    // Older files write a token as an object with its text in "content".
    private static void PadsWithEnd(JsonConfig config)
    {
        if (config.Has("pad_token") && !config.Raw("pad_token").Contains(EndText, StringComparison.Ordinal))
            throw new UserError(
                $"{config.Path}: pad_token is {config.Raw("pad_token")}; expected \"{EndText}\" as in Stable Diffusion 1.x: this tokenizer is of another family"
            );
    }
}
