namespace DiMum.Runs.Report;

/// <summary>The run's numbers in the shape of the paper's Tables I (after unlearning) and II, III (after the attack).</summary>
internal static class Tables
{
    /// <summary>Table I's shape: one row a model.</summary>
    public static Table AfterUnlearning(RunResults run) =>
        new(
            $"After unlearning {Labels.Unlearned(run)}",
            "Each value with its 95 % interval and n. Fréchet distance on the classifier’s own features (not FID): lower is better. "
                + "AR_u: share of images asked for as the unlearned class that the classifier assigns to it; AR_alt: the same for the "
                + "replacement class.",
            ["Model", "Fréchet distance", "Retained accuracy", "AR_u", "AR_alt", "Iterations"],
            [
                Row(new Cell("Pre-trained", "before unlearning"), run.Pretrained, new Cell(Numbers.Absent)),
                .. run
                    .Methods.OrderBy(m => m.Name == Labels.Retrain ? 0 : 1)
                    .Select(m =>
                        Row(NameCell(run, m), m.Final, new Cell(Numbers.Count(m.Iterations), $"{Numbers.Count(m.Updates)} updates"))
                    ),
            ]
        );

    /// <summary>Tables II and III's shape: highest AR_a, one column an assumption.</summary>
    public static Table AfterAttack(RunResults run)
    {
        IReadOnlyList<string> assumptions = Labels.AssumptionsOf(run);
        return new Table(
            $"Highest AR_a during the attack on {Labels.Unlearned(run)}",
            $"Each value with its 95 % interval ({Labels.IntervalOfHighest(run)}) and n, the attack step at which it was first reached, and the first "
                + "measured step whose AR_a is above 10 %. "
                + string.Join("; ", assumptions.Select(a => $"Assumption {a}: {Labels.AuxiliaryData(a)}"))
                + ".",
            ["Method", .. assumptions.Select(a => $"Assumption {a}: highest AR_a")],
            [
                .. run
                    .Methods.Where(m => m.Attacks.Count > 0)
                    .Select(m => (IReadOnlyList<Cell>)[NameCell(run, m), .. assumptions.Select(a => AttackCell(m.Under(a)))]),
            ]
        );
    }

    /// <summary>All of the report's tables, each of the run's followed by the paper's own.</summary>
    public static IReadOnlyList<Table> All(RunResults run) =>
        [
            .. StyleTables.Suit(run)
                ? new[] { AfterUnlearning(run), AfterAttack(run), StyleTables.Of(run), StyleTables.Paper() }
                : [AfterUnlearning(run), PaperNumbers.First(), AfterAttack(run), PaperNumbers.Second(), PaperNumbers.Third()],
            .. Pairs.Table(run) is { } pairs ? new[] { pairs } : [],
        ];

    private static Cell NameCell(RunResults run, MethodResult method) =>
        new(Labels.Method(run, method), method.Name == Labels.Retrain ? $"reference, {method.Reading}" : method.Reading);

    private static IReadOnlyList<Cell> Row(Cell name, Evaluation evaluation, Cell iterations) =>
        [
            name,
            Numbers.DistanceCell(evaluation.Frechet),
            Numbers.RateCell(evaluation.RetainedAccuracy),
            Numbers.RateCell(evaluation.ArUnlearned),
            Numbers.RateCell(evaluation.ArAlternative),
            iterations,
        ];

    private static Cell AttackCell(AttackResult? attack) =>
        attack is null
            ? new Cell(Numbers.Absent)
            : Numbers.RateCell(attack.HighestAr) with
            {
                More =
                    $"at step {Numbers.Count(attack.HighestAtStep)}, "
                    + (
                        attack.FirstStepAbove10Percent is { } step
                            ? $"above 10 % from step {Numbers.Count(step)}"
                            : "above 10 % at no measured step"
                    ),
            };
}
