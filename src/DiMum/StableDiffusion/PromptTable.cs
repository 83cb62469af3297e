using System.Security.Cryptography;
using System.Text;
using DiMum.Checkpoints;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.StableDiffusion;

/// <summary>
/// The prompts of an experiment with their frozen text features: what a condition index of a text-conditional model means. Row i of
/// <see cref="Features"/> belongs to prompt i; ∅, the empty prompt, stands apart.
/// </summary>
public sealed class PromptTable : IDisposable
{
    private const int Batch = 32;
    private readonly Dictionary<string, int> places = new(StringComparer.Ordinal);

    private PromptTable(IReadOnlyList<string> prompts, Tensor features, Tensor nothing)
    {
        (Prompts, Features, Nothing) = (prompts, features.DetachFromDisposeScope(), nothing.DetachFromDisposeScope());
        for (var i = 0; i < prompts.Count; i++)
            places.TryAdd(prompts[i], i);
    }

    /// <summary>P prompts, in the order of their indices.</summary>
    public IReadOnlyList<string> Prompts { get; }

    /// <summary>float32 [P,L,D].</summary>
    public Tensor Features { get; }

    /// <summary>Features of the empty prompt, float32 [L,D].</summary>
    public Tensor Nothing { get; }

    /// <summary>The index of a prompt.</summary>
    public int this[string prompt] =>
        places.TryGetValue(prompt, out var place)
            ? place
            : throw new ArgumentException($"no prompt '{prompt}' in the table", nameof(prompt));

    /// <summary>Encodes prompts, each once.</summary>
    /// <param name="tokenizer">Of the model.</param>
    /// <param name="encoder">Of the model.</param>
    /// <param name="prompts">In the order of their indices.</param>
    /// <param name="truncate">Cut a prompt that is too long, as Stable Diffusion 1.x does without a word; otherwise it is refused.</param>
    /// <param name="cache">A folder where features are kept by content; null keeps none.</param>
    /// <exception cref="UserError">A prompt is too long.</exception>
    public static PromptTable Encode(
        ClipTokenizer tokenizer,
        ClipTextEncoder encoder,
        IReadOnlyList<string> prompts,
        bool truncate = false,
        string? cache = null
    )
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var context = encoder.Config.MaxTokens;
        var ids = prompts.Append("").Select(p => Ids(tokenizer, p, context, truncate)).ToList();
        var made = ContentCache.Of(cache, "text", () => Key(encoder, ids), () => All(encoder, ids));
        return new(prompts, made.narrow(0, 0, prompts.Count).clone(), made[prompts.Count].clone());
    }

    /// <summary>The same table with more prompts after these; features already there are kept as they are.</summary>
    public PromptTable With(PromptTable more)
    {
        using var scope = NewDisposeScope();
        return new([.. Prompts, .. more.Prompts], cat([Features, more.Features]), Nothing.clone());
    }

    public void Dispose()
    {
        Features.Dispose();
        Nothing.Dispose();
    }

    private static long[] Ids(ClipTokenizer tokenizer, string prompt, int context, bool truncate)
    {
        var count = tokenizer.Tokenize(prompt).Count;
        if (count > context - 2 && !truncate)
            throw new UserError(
                $"the prompt '{prompt[..Math.Min(prompt.Length, 40)]}…' is {count} tokens long, at most {context - 2} fit; shorten it or have it cut"
            );
        return tokenizer.Padded(prompt, context);
    }

    // Row by row alike: a prompt's features don't depend on its neighbours by more than rounding.
    private static Tensor All(ClipTextEncoder encoder, List<long[]> ids)
    {
        var device = encoder.Parameters.Values.device;
        var parts = new List<Tensor>();
        foreach (var some in ids.Chunk(Batch))
        {
            using var inner = NewDisposeScope();
            var rows = tensor(some.SelectMany(r => r).ToArray(), [some.Length, some[0].Length], ScalarType.Int64, device);
            parts.Add(encoder.Encode(rows).to(ScalarType.Float32).MoveToOuterDisposeScope());
        }

        return cat(parts); // [P+1,L,D]
    }

    private static string Key(ClipTextEncoder encoder, List<long[]> ids)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{encoder.Config}"));
        ContentCache.Add(hash, encoder.Parameters);
        foreach (var row in ids)
            hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes<long>(row));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
