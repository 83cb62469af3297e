using DiMum.Runs;
using DiMum.Unlearning;

namespace DiMum.Studies;

/// <summary>Every method of the paper in every reading that runs, on the built-in digits: each class unlearned, three seeds, attacks (i) and (ii-a).</summary>
public sealed class DigitsBaselines : IStudy
{
    public string Name => "digits-baselines";
    public string Question => "which method forgets for good, and what does it matter whether it is read as published or as released?";

    public string Run(StudyContext context) => throw new NotImplementedException();

    /// <summary>One cell: the digits preset with a class, a seed and methods of one's own; images are fewer, because cells are many.</summary>
    internal static Experiment Setting(long seed, int unlearned, IReadOnlyList<MethodSettings> methods)
    {
        var preset = Presets.Load("digits", []);
        return preset with
        {
            Name = $"digits, class {unlearned}, seed {seed}",
            Seed = seed,
            Sampling = preset.Sampling with { BatchSize = 100 },
            Unlearn = preset.Unlearn with { Class = $"{unlearned}", Methods = methods },
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
