using DiMum.Runs;
using DiMum.Unlearning;

namespace DiMum.Studies;

/// <summary>
/// Every method of the paper in every reading that runs, on the built-in digits: each class unlearned, three seeds, attacks (i) and (ii-a). A cell is a
/// seed and a class; the pre-trained network and the classifier of a seed are shared by its ten cells.
/// </summary>
public sealed class DigitsBaselines : IStudy
{
    private const int Classes = 10;
    private static readonly long[] Seeds = [1, 2, 3]; // fixed before the first run; 7 is the tuning's

    public string Name => "digits-baselines";
    public string Question => "which method forgets for good, and what does it matter whether it is read as published or as released?";

    public string Run(StudyContext context)
    {
        var cells = new List<DigitsCell>();
        foreach (var (seed, unlearned) in Cells)
            if (Cell(context, seed, unlearned) is { } cell)
                cells.Add(cell);
        return new DigitsBaselinesPage(cells, Cells.Count).Write();
    }

    // Seed by seed, so that a study stopped half-way has every class alike.
    private static List<(long Seed, int Class)> Cells { get; } =
    [.. Seeds.SelectMany(seed => Enumerable.Range(0, Classes).Select(c => (seed, c)))];

    private static DigitsCell? Cell(StudyContext context, long seed, int unlearned)
    {
        var methods = MethodPresets.Of("digits");
        var results = context.Results(
            $"seed-{seed}-class-{unlearned}",
            Setting(seed, unlearned, methods),
            "run",
            (_, folder) => DropWeights(folder)
        );
        return results is null ? null : new(seed, unlearned, methods, results);
    }

    // What a finished cell keeps is its numbers; pre-trained networks and classifiers stay, other cells start from them.
    private static void DropWeights(string runFolder)
    {
        foreach (var stage in Directory.EnumerateDirectories(Path.Combine(runFolder, "stages")))
            if (
                Path.GetFileName(stage) is var name
                && (name.StartsWith("unlearn-", StringComparison.Ordinal) || name.StartsWith("attack-", StringComparison.Ordinal))
            )
                File.Delete(Path.Combine(stage, "model.safetensors"));
    }

    /// <summary>One cell's experiment: the digits preset with a seed, a class and methods of its own. Images and attack are smaller, because cells are many.</summary>
    internal static Experiment Setting(long seed, int unlearned, IReadOnlyList<MethodSettings> methods)
    {
        var preset = Presets.Load("digits", []);
        return preset with
        {
            Name = $"digits, class {unlearned}, seed {seed}",
            Seed = seed,
            Sampling = preset.Sampling with { BatchSize = 100 },
            Unlearn = preset.Unlearn with { Class = $"{unlearned}", Methods = methods },
            Attack = preset.Attack with { Iterations = 180, BatchSize = 16, Rate = 3e-4, EvaluateAt = [60], CheckpointEvery = 180 },
            Evaluate = preset.Evaluate with { Images = 100, RetainedImages = 180, UnlearnAt = [] },
        };
    }

    /// <summary>A method before its own numbers: unlearning is 2 % of pre-training, in its batch.</summary>
    internal static MethodSettings Method(string name, MethodReading reading = MethodReading.AsPublished) =>
        new()
        {
            Name = name,
            Reading = reading,
            Iterations = 60,
            BatchSize = 32,
        };
}

/// <summary>A finished cell: its methods in the order of its results.</summary>
internal sealed record DigitsCell(long Seed, int Class, IReadOnlyList<MethodSettings> Methods, RunResults Results)
{
    /// <summary>What a method, by its label, came to here; null where the cell has it not.</summary>
    public MethodResult? Of(string label)
    {
        var at = Methods.ToList().FindIndex(m => m.Label == label);
        return at < 0 ? null : Results.Methods[at];
    }
}
