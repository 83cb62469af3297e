using DiMum.Data.MiniCanvas;
using DiMum.Data.UnlearnCanvas;
using DiMum.StableDiffusion;
using NUnit.Framework;

namespace DiMum.Tests.StableDiffusion;

public class ReducedVocabularyTests
{
    [Test]
    public void It_splits_the_texts_it_was_made_for_as_the_whole_vocabulary_does()
    {
        var whole = ClipTokenizer.StableDiffusion();
        string[] texts =
        [
            .. MiniCanvasSet.Labels.Prompts(CanvasWording.Paper),
            .. MiniCanvasSet.Labels.Prompts(CanvasWording.Released),
            "",
        ];
        var reduced = ReducedVocabulary.Of(whole, texts);
        Assert.That(reduced.Count, Is.InRange(514 + 20, 1000));
        Assert.That(texts.Select(t => Split(reduced, t)), Is.EqualTo(texts.Select(t => Split(whole, t))));
        Assert.That(Split(reduced, "zeppelin"), Is.Not.EqualTo(Split(whole, "zeppelin")), "a word that it does not know falls apart");
    }

    private static string Split(ClipTokenizer tokenizer, string text)
    {
        string[] vocabulary = [.. tokenizer.Vocabulary];
        return string.Join(' ', tokenizer.Tokenize(text).Select(id => vocabulary[id]));
    }
}
