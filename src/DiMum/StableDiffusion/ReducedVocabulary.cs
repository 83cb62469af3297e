namespace DiMum.StableDiffusion;

/// <summary>A small vocabulary that splits given texts exactly as a large one does: for text encoders that know few words.</summary>
public static class ReducedVocabulary
{
    /// <summary>
    /// The tokenizer of those merges alone that <paramref name="texts"/> need, in their order. A merge is never undone, so the merges behind the tokens
    /// of a text are all that were made of it, and of the pairs that could be merged the first one is the same.
    /// </summary>
    public static ClipTokenizer Of(ClipTokenizer tokenizer, IEnumerable<string> texts)
    {
        var behind = tokenizer.Merges.ToDictionary(m => m.First + m.Second);
        string[] vocabulary = [.. tokenizer.Vocabulary];
        var needed = new HashSet<string>();
        var open = new Stack<string>(texts.SelectMany(tokenizer.Tokenize).Distinct().Select(id => vocabulary[id]));
        while (open.TryPop(out var token))
            if (behind.TryGetValue(token, out var pair) && needed.Add(token))
            {
                open.Push(pair.First);
                open.Push(pair.Second);
            }

        return new(tokenizer.Merges.Where(m => needed.Contains(m.First + m.Second)));
    }
}
