namespace DiMum.Studies;

/// <summary>Studies by name: a new one is one file and one line here.</summary>
public static class StudyRegistry
{
    public static IReadOnlyList<IStudy> All { get; } =
    [new DigitsTuning(), new DigitsBaselines(), new CanvasMini(), new Traps.TrapsStudy(), new Mixture.MixtureStudy(), new PrecisionStudy()];

    /// <exception cref="UserError">No study has that name.</exception>
    public static IStudy Find(string name) =>
        All.FirstOrDefault(s => s.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new UserError($"study '{name}': expected {string.Join(", ", All.Select(s => s.Name))}");
}
