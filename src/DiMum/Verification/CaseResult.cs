namespace DiMum.Verification;

/// <summary>How a golden case ended.</summary>
public enum CaseStatus
{
    /// <summary>At least one value was compared, and all that were compared agree.</summary>
    Passed,

    /// <summary>A value disagrees, or the file can't be read.</summary>
    Failed,

    /// <summary>Nothing here can run the case; the message says why. Never counts as passed.</summary>
    Pending,
}

/// <summary>The verdict on one golden file.</summary>
/// <param name="Case">The case's name as the file gives it; the file's name where it gives none.</param>
/// <param name="File">Path of the file.</param>
/// <param name="Status">The verdict.</param>
/// <param name="Checks">Numbers compared.</param>
/// <param name="Worst">Largest |error|/tolerance among them; above 1 is a failure.</param>
/// <param name="WorstAt">Where that is.</param>
/// <param name="Message">Why it failed or is pending; empty when passed.</param>
/// <param name="Seconds">Wall-clock time.</param>
/// <param name="Unchecked">Expected values and settings in the file that nothing looked at.</param>
/// <param name="Skipped">Table entries that the file itself declares ill-conditioned.</param>
public sealed record CaseResult(
    string Case,
    string File,
    CaseStatus Status,
    int Checks,
    double Worst,
    string WorstAt,
    string Message,
    double Seconds,
    IReadOnlyList<string> Unchecked,
    int Skipped
)
{
    public override string ToString()
    {
        if (Status == CaseStatus.Pending && Checks == 0)
            return $"{Status, -8}{Case, -32} {Message}";
        var head = FormattableString.Invariant(
            $"{Status, -8}{Case, -32} {Checks, 7} checks, worst {Worst:0.000} of tolerance, {Seconds:0.0} s"
        );
        var blind = Unchecked.Count == 0 ? "" : $", {Unchecked.Count} unchecked: {string.Join(", ", Unchecked.Take(5))}";
        if (Worst > 0)
            head += $" ({WorstAt})";
        return Message.Length == 0 ? head + blind : $"{head}{blind}: {Message}";
    }
}

/// <summary>A case, or a setting of one, that this library can't reproduce: the case is pending, with this reason.</summary>
internal sealed class NotCovered(string reason) : Exception(reason);

/// <summary>The run differs from the file so that no further comparison makes sense.</summary>
internal sealed class Mismatch(string message) : Exception(message);
