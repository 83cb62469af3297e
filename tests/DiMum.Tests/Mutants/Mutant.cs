using DiMum.Conformance;

namespace DiMum.Tests.Mutants;

/// <summary>A released mistake as a small wrong variant, with the law that must tell it from the original.</summary>
/// <param name="Trap">T1…T23 of docs/verification.md, a letter added where one trap has several.</param>
/// <param name="What">What the variant does wrong.</param>
/// <param name="Law">The law's id.</param>
/// <param name="Original">The law on the library's own component.</param>
/// <param name="Variant">The law on the variant.</param>
internal sealed record Mutant(string Trap, string What, string Law, Func<Verdict> Original, Func<Verdict> Variant)
{
    public static Mutant Of<T>(string trap, string what, ComponentLaw<T> law, T original, T variant) =>
        new(trap, what, law.Id, () => law.Check("original", original), () => law.Check($"{trap}, {what}", variant));

    public override string ToString() => $"{Trap}: {What}";
}
