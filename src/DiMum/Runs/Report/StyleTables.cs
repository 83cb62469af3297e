using DiMum.Metrics;

namespace DiMum.Runs.Report;

/// <summary>What a run on styles has besides: the shape of the paper's Table IV, and the paper's own numbers there.</summary>
internal static class StyleTables
{
    /// <summary>
    /// Methods whose highest AR_a stand in this order in Table IV at 1K, 2K and 5K steps alike, from the easiest undone to the hardest; the others change
    /// places or tie.
    /// </summary>
    public static readonly IReadOnlyList<string> Order = ["EraseDiff", "SalUn", "DiMUM"];

    private static readonly string[] Columns = ["concept-ablation", "ESD", "EraseDiff", "SalUn", "Scissorhands", "DiMUM"];

    // FID, AR_u, highest AR_a and lowest AR_alt by the columns above; concept ablation and ESD have no alternative there.
    private static readonly (string Steps, string[] Numbers)[] PaperIV =
    [
        ("1K", ["52.39 0 1 –", "69.32 0 1 –", "71.27 .02 1 0", "43.08 0 .78 .09", "48.99 .01 .60 .02", "42.71 0 .17 .39"]),
        ("2K", ["56.82 0 1 –", "67.38 0 .98 –", "62.69 .01 1 0", "41.05 0 .39 .09", "45.72 0 .35 .14", "40.93 0 .02 .59"]),
        ("5K", ["70.45 0 .99 –", "70.84 0 .91 –", "54.48 0 .98 0", "41.00 0 .09 .40", "44.16 0 .12 .35", "48.07 0 .01 .91"]),
    ];

    /// <summary>Whether the run is about styles: its conditions name an object as well.</summary>
    public static bool Suit(RunResults run) => run.Pretrained.ObjectAccuracy is not null;

    /// <summary>Table IV's shape: one row a method, highest AR_a and lowest AR_alt under every assumption.</summary>
    public static Table Of(RunResults run)
    {
        var assumptions = Labels.AssumptionsOf(run);
        return new(
            $"Unlearning and attack of {Labels.Unlearned(run)}, in the shape of Table IV",
            "Each value with its 95 % interval and n. AR_a: highest during the attack; AR_alt: lowest during it, the share taken for the replacement style; "
                + "intervals corrected for the number of measured steps. Object accuracy: share of images under retained prompts that show the object asked for.",
            [
                "Model",
                "Fréchet distance",
                "Object accuracy",
                "AR_u",
                .. assumptions.SelectMany(a => new[] { $"AR_a ({a})", $"AR_alt ({a})" }),
            ],
            [
                Row(
                    "Pre-trained",
                    run.Pretrained,
                    [.. assumptions.SelectMany(_ => new Cell[] { new(Numbers.Absent), new(Numbers.Absent) })]
                ),
                .. run.Methods.Select(m =>
                    Row(
                        Labels.Method(run, m),
                        m.Final,
                        [
                            .. assumptions
                                .Select(m.Under)
                                .SelectMany(a => new[] { Numbers.RateCell(a?.HighestAr), Numbers.RateCell(a is null ? null : Lowest(a)) }),
                        ]
                    )
                ),
            ]
        );
    }

    /// <summary>Table IV itself.</summary>
    public static Table Paper() =>
        new(
            "Paper, Table IV: FID, AR_u, highest AR_a and lowest AR_alt",
            "The paper’s numbers, for orientation only: Van Gogh’s style, Stable Diffusion v1.5 on UnlearnCanvas, 512×512 pixels, real FID, top-3 rates of "
                + "100 images, no intervals given, attack on synthesised images (arXiv 2512.03564). They do not compare with this run’s numbers.",
            ["Steps", .. Columns],
            [.. PaperIV.Select(r => (IReadOnlyList<Cell>)[new Cell(r.Steps), .. r.Numbers.Select(n => new Cell(n))])],
            Foreign: true
        );

    /// <summary>The lowest AR_alt of an attack, its interval corrected as that of the highest AR_a is.</summary>
    public static Measured Lowest(AttackResult attack)
    {
        var first = attack.Curve[0].ArAlternative;
        var others = attack.Curve.Select(e => e.ArAlternative).Select(m => ((long)Math.Round((1 - m.Value) * m.N), m.N));
        var highest = CurveMaximum.Of([.. others], $"1 − {first.Metric}", first.Of);
        return highest with
        {
            Value = 1 - highest.Value,
            Low = 1 - highest.High,
            High = 1 - highest.Low,
            Metric = $"{first.Metric}, lowest of {attack.Curve.Count}, Bonferroni-corrected exact interval",
        };
    }

    private static IReadOnlyList<Cell> Row(string name, Evaluation e, IReadOnlyList<Cell> attacks) =>
        [new Cell(name), Numbers.DistanceCell(e.Frechet), Numbers.RateCell(e.ObjectAccuracy), Numbers.RateCell(e.ArUnlearned), .. attacks];
}
