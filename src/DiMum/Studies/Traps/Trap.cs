namespace DiMum.Studies.Traps;

/// <summary>A claim about released code, and a demonstration with our own parts of what it does.</summary>
/// <param name="Id">T1…T23.</param>
/// <param name="Claim">What the released code does.</param>
/// <param name="Where">repo@commit and file.</param>
/// <param name="Golden">Golden file made by running that code, which the as-released reading reproduces; empty where none is.</param>
/// <param name="Show">Runs it, on fresh small networks and the built-in digits, seeded.</param>
internal sealed record Trap(string Id, string Claim, string Where, string Golden, Func<TrapScene, Seen> Show);

/// <summary>What a demonstration saw.</summary>
/// <param name="Confirmed">Whether the effect is there.</param>
/// <param name="What">The figures.</param>
internal sealed record Seen(bool Confirmed, string What)
{
    public static Seen If(bool confirmed, FormattableString what) => new(confirmed, FormattableString.Invariant(what));
}
