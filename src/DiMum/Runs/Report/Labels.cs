using DiMum.Metrics;

namespace DiMum.Runs.Report;

/// <summary>
/// The names a reader sees: classes in quotes, methods told apart where a run holds two of one name, assumptions in words.
/// </summary>
internal static class Labels
{
    /// <summary>The registry's name of retraining from scratch on the retain set: the reference, not an unlearning method.</summary>
    public const string Retrain = "retrain";

    /// <summary>DiMRA's assumptions in the paper's order.</summary>
    public static readonly IReadOnlyList<string> Assumptions = ["i", "ii-a", "ii-b"];

    public static string Class(RunResults run, int index) =>
        index >= 0 && index < run.ClassNames.Count ? $"“{run.ClassNames[index]}”" : $"class {index}";

    public static string Unlearned(RunResults run) => Class(run, run.UnlearnedClass);

    /// <summary>
    /// The method's name, with its reading and iterations added as far as needed to tell it from the run's other methods.
    /// </summary>
    public static string Method(RunResults run, MethodResult method)
    {
        MethodResult[] namesakes = [.. run.Methods.Where(m => m.Name == method.Name)];
        if (namesakes.Length == 1)
        {
            return method.Name;
        }
        string name = $"{method.Name} {ShortReading(method)}";
        return namesakes.Count(m => ShortReading(m) == ShortReading(method)) > 1
            ? $"{name} ({Numbers.Count(method.Iterations)} iterations)"
            : name;
    }

    /// <summary>"as released" of "as released (repo@commit)".</summary>
    private static string ShortReading(MethodResult method) => method.Reading.Split(" (")[0];

    public static string AuxiliaryData(string assumption) =>
        assumption switch
        {
            "i" => "the retain set",
            "ii-a" => "unseen real images without the class",
            "ii-b" => "images the pre-trained model made of the other classes",
            _ => "auxiliary data",
        };

    /// <summary>The auxiliary data in two or three words, for column heads.</summary>
    public static string AuxiliaryDataShort(string assumption) =>
        assumption switch
        {
            "i" => "retain set",
            "ii-a" => "unseen real images",
            "ii-b" => "synthesised images",
            _ => "auxiliary data",
        };

    /// <summary>How long the attack was followed.</summary>
    public static int Steps(AttackResult attack) => attack.Curve.Select(e => e.Step).Append(attack.HighestAtStep).Max();

    /// <summary>The assumptions under which any method of the run was attacked: the paper's first, in its order.</summary>
    public static IReadOnlyList<string> AssumptionsOf(RunResults run)
    {
        string[] present = [.. run.Methods.SelectMany(m => m.Attacks).Select(a => a.Assumption).Distinct()];
        return [.. Assumptions.Intersect(present), .. present.Except(Assumptions).Order(StringComparer.Ordinal)];
    }

    /// <summary>What the interval of a highest AR_a covers: results of before the correction keep the one step's.</summary>
    public static string IntervalOfHighest(RunResults run) =>
        run.Methods.SelectMany(m => m.Attacks).All(a => CurveMaximum.Is(a.HighestAr))
            ? "corrected for taking the highest of all measured steps"
            : "that of the one step";
}
