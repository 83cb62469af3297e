namespace DiMum.Data.UnlearnCanvas;

/// <summary>Styles that all have the same objects: a label is style·objects + object, and a prompt names both.</summary>
/// <param name="Styles">In label order.</param>
/// <param name="Objects">In label order.</param>
public sealed record CanvasLabels(IReadOnlyList<string> Styles, IReadOnlyList<string> Objects)
{
    /// <summary>UnlearnCanvas's 51 themes and 20 objects.</summary>
    public static CanvasLabels Released { get; } = new(CanvasVocabulary.Themes, CanvasVocabulary.Objects);

    /// <summary>Style of a label.</summary>
    public int StyleOf(int label) => label / Objects.Count;

    /// <summary>Object of a label.</summary>
    public int ObjectOf(int label) => label % Objects.Count;

    /// <summary>The prompts of all labels.</summary>
    public IReadOnlyList<string> Prompts(CanvasWording wording) => CanvasVocabulary.Prompts(wording, Styles, Objects);

    /// <summary>The same images labelled by style alone.</summary>
    public Dataset ByStyle(Dataset data) => data.Relabelled($"{data.Name} by style", StyleOf, Styles);

    /// <summary>The same images labelled by object alone.</summary>
    public Dataset ByObject(Dataset data) => data.Relabelled($"{data.Name} by object", ObjectOf, Objects);
}
