namespace DiMum.Data.UnlearnCanvas;

/// <summary>One picture to be generated for evaluation.</summary>
/// <param name="Seed">Of the whole pass over themes and objects that it belongs to.</param>
/// <param name="Label">theme·20 + object.</param>
/// <param name="Prompt">What it is asked by.</param>
/// <param name="FileName">As the benchmark names it.</param>
public sealed record CanvasSample(long Seed, int Label, string Prompt, string FileName);

/// <summary>
/// How the benchmark samples for its accuracies and FID (UnlearnCanvas@920cfd1): 512×512, DDIM of 100 steps, η = 0, guidance scale 9, the seeds in
/// turn, themes before objects, one picture each: 5,100 with all five seeds. Its unlearned-model scripts take the first seed alone unless told
/// otherwise. There the generator is seeded once a pass, so a picture's noise depends on those before it; here on seed and label alone.
/// </summary>
public sealed record CanvasSampling
{
    /// <summary>Side of the pictures.</summary>
    public int Side { get; init; } = 512;

    /// <summary>DDIM steps.</summary>
    public int Steps { get; init; } = 100;

    /// <summary>DDIM's η.</summary>
    public double Eta { get; init; }

    /// <summary>s of ε_∅ + s·(ε_c − ε_∅).</summary>
    public double GuidanceScale { get; init; } = 9;

    /// <summary>A pass for each.</summary>
    public IReadOnlyList<long> Seeds { get; init; } = [188, 288, 588, 688, 888];

    /// <summary>The pictures, in order.</summary>
    /// <param name="wording">Of the prompts.</param>
    /// <param name="themes">Indices of the themes; null takes all 51.</param>
    public IReadOnlyList<CanvasSample> Samples(CanvasWording wording, IReadOnlyList<int>? themes = null)
    {
        var (names, objects) = (CanvasVocabulary.Themes, CanvasVocabulary.Objects);
        return
        [
            .. from seed in Seeds
            from theme in themes ?? [.. Enumerable.Range(0, names.Count)]
            from thing in Enumerable.Range(0, objects.Count)
            select new CanvasSample(
                seed,
                theme * objects.Count + thing,
                CanvasVocabulary.Prompt(wording, names[theme], objects[thing]),
                $"{names[theme]}_{objects[thing]}_seed{seed}.jpg"
            ),
        ];
    }
}
