namespace DiMum.Unlearning;

/// <summary>A baseline is a paper and one or two released programs, which differ. Every result says which it is of.</summary>
public enum MethodReading
{
    /// <summary>The paper's algorithm, on all data, shuffled.</summary>
    AsPublished,

    /// <summary>What the authors' released program does, at a named commit.</summary>
    AsReleased,

    /// <summary>What the benchmark's own copy does (UnlearnCanvas@920cfd1), from which the style experiments come.</summary>
    AsReleasedInUnlearnCanvas,
}

/// <summary>Readings in words.</summary>
public static class MethodReadings
{
    /// <summary>The commit of UnlearnCanvas that all its readings follow.</summary>
    public const string UnlearnCanvas = "UnlearnCanvas@920cfd1";

    /// <summary><c>as published</c> or <c>as released (repo@commit)</c>.</summary>
    /// <param name="reading">Which.</param>
    /// <param name="repository">repo@commit of the authors' program.</param>
    public static string Text(this MethodReading reading, string repository) =>
        reading switch
        {
            MethodReading.AsPublished => "as published",
            MethodReading.AsReleased => $"as released ({repository})",
            _ => $"as released ({UnlearnCanvas})",
        };

    /// <summary>A reading that can't be had, and why: what a released program can't run is refused, not guessed.</summary>
    public static UserError Refused(string method, MethodReading reading, string why) =>
        new(
            $"{method} can't be read {(reading == MethodReading.AsReleased ? "as-released" : "as-released-in-unlearn-canvas")}: {why}; use as-published"
        );
}
