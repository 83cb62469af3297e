namespace DiMum.Data.UnlearnCanvas;

/// <summary>How a style and an object are put into a prompt.</summary>
public enum CanvasWording
{
    /// <summary>«An image of Bears in Van Gogh style.» (the paper, section VI-B).</summary>
    Paper,

    /// <summary>«A Bears image in Van Gogh style.», always «A» (UnlearnCanvas@920cfd1, the route of all its baselines).</summary>
    Released,
}

/// <summary>
/// UnlearnCanvas' 51 themes (50 styles and the photographs they were painted from) and 20 objects, in the order of the released classifiers
/// (UnlearnCanvas@920cfd1). A label is theme·20 + object.
/// </summary>
public static class CanvasVocabulary
{
    /// <summary>The theme of the photographs.</summary>
    public const string Photographs = "Seed_Images";

    /// <summary>The 51 themes.</summary>
    public static IReadOnlyList<string> Themes { get; } =
        (
            "Abstractionism Artist_Sketch Blossom_Season Bricks Byzantine Cartoon Cold_Warm Color_Fantasy Comic_Etch Crayon Cubism Dadaism "
            + "Dapple Defoliation Early_Autumn Expressionism Fauvism French Glowing_Sunset Gorgeous_Love Greenfield Impressionism Ink_Art Joy "
            + "Liquid_Dreams Magic_Cube Meta_Physics Meteor_Shower Monet Mosaic Neon_Lines On_Fire Pastel Pencil_Drawing Picasso Pop_Art "
            + "Red_Blue_Ink Rust Seed_Images Sketch Sponge_Dabbed Structuralism Superstring Surrealism Ukiyoe Van_Gogh Vibrant_Flow Warm_Love "
            + "Warm_Smear Watercolor Winter"
        ).Split(' ');

    /// <summary>The 20 objects.</summary>
    public static IReadOnlyList<string> Objects { get; } =
        (
            "Architectures Bears Birds Butterfly Cats Dogs Fishes Flame Flowers Frogs Horses Human Jellyfish Rabbits Sandwiches Sea Statues "
            + "Towers Trees Waterfalls"
        ).Split(' ');

    /// <summary>
    /// The prompt of a theme and an object. The photographs are «Photo» in both wordings, as in the released data and base-model code; its
    /// unlearned-model scripts ask for «Seed Images style», which <paramref name="photographsByName"/> gives.
    /// </summary>
    public static string Prompt(CanvasWording wording, string theme, string thing, bool photographsByName = false)
    {
        var style = theme == Photographs && !photographsByName ? "Photo" : theme.Replace('_', ' ');
        return wording == CanvasWording.Paper ? $"An image of {thing} in {style} style." : $"A {thing} image in {style} style.";
    }

    /// <summary>The prompts of all labels, theme by theme.</summary>
    public static IReadOnlyList<string> Prompts(CanvasWording wording, IReadOnlyList<string> themes, IReadOnlyList<string> objects) =>
        [.. themes.SelectMany(theme => objects.Select(thing => Prompt(wording, theme, thing)))];

    /// <summary>
    /// From labels of one theme to those of another, object by object: which alternative each unlearned condition gets (Eq. 6), and, turned round,
    /// which unlearned prompt an alternative image is memorized under (Eq. 9).
    /// </summary>
    public static IReadOnlyDictionary<int, int> Instead(int theme, int other, int objects) =>
        Enumerable.Range(0, objects).ToDictionary(o => theme * objects + o, o => other * objects + o);
}
