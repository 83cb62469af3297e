using DiMum.Unlearning;

namespace DiMum.Runs;

/// <summary>A method with one thing changed that no setting reaches: what a study compares with the method itself.</summary>
/// <param name="Name">Tells its stages apart; a file name's part.</param>
/// <param name="Change">The variant of a method.</param>
internal sealed record MethodVariant(string Name, Func<IUnlearningMethod, IUnlearningMethod> Change);
