namespace DiMum.Runs.Report;

/// <summary>
/// The paper's own numbers: "Towards Irreversible Machine Unlearning for Diffusion Models" (arXiv 2512.03564), Tables I, II and III.
/// CIFAR-10, 32×32, 1M pre-training steps, FID and sFID on Inception, AR on 1000 images. Other data and scale than a miniature run.
/// </summary>
internal static class PaperNumbers
{
    public const string Source =
        "The paper’s numbers, for orientation only: CIFAR-10, 32×32 pixels, 1,000,000 pre-training steps, real FID, 1,000 images a rate, "
        + "no intervals given (arXiv 2512.03564). Other data and another scale: they do not compare with this run’s numbers.";

    public const int PretrainSteps = 1_000_000;

    // Tables II and III.
    private static readonly IReadOnlyList<string> ClassOrder = ["SFR-on", "SalUn", "DiMUM"];

    /// <summary>The order of the highest AR_a that the paper's tables show, from the easiest undone to the hardest.</summary>
    public static IReadOnlyList<string> Order(RunResults run) => StyleTables.Suit(run) ? StyleTables.Order : ClassOrder;

    public static readonly IReadOnlyList<string> Classes = ["airplane", "automobile", "bird", "cat", "deer"];

    /// <summary>
    /// Table I: FID / sFID after the last unlearning step (SFR-on 2K, SalUn and DiMUM 20K), by class; AR_u is 0 in every row.
    /// </summary>
    public static readonly IReadOnlyList<(string Method, string[] FidAndSfid)> TableI =
    [
        ("SalUn 20K", ["16.0395 / 30.2921", "17.9248 / 32.8567", "20.0131 / 33.5968", "21.4828 / 34.4921", "19.2202 / 32.9396"]),
        ("SFR-on 2K", ["17.5918 / 32.0599", "39.0697 / 44.3232", "18.8547 / 33.5163", "25.6169 / 36.4590", "22.9986 / 35.6444"]),
        ("DiMUM 20K", ["14.6809 / 30.0606", "16.7114 / 32.1452", "17.5327 / 32.6799", "17.4537 / 32.6307", "17.0063 / 32.2369"]),
    ];

    /// <summary>Table II: highest AR_a with the retain set as auxiliary data (assumption i).</summary>
    public static readonly IReadOnlyList<(string Method, double[] HighestAr)> TableII =
    [
        ("SFR-on 1K", [.996, 1, 1, 1, 1]),
        ("SFR-on 2K", [.974, .960, .999, .988, 1]),
        ("SalUn 10K", [.647, .747, .807, .916, .866]),
        ("SalUn 20K", [.187, .373, .537, .813, .657]),
        ("DiMUM 10K", [.260, .414, .566, .719, .627]),
        ("DiMUM 20K", [.028, .032, .166, .252, .217]),
    ];

    /// <summary>Table III: highest AR_a with the test set without the class as auxiliary data (assumption ii).</summary>
    public static readonly IReadOnlyList<(string Method, double[] HighestAr)> TableIII =
    [
        ("SFR-on 1K", [.908, .918, .980, .959, .997]),
        ("SFR-on 2K", [.366, .642, .970, .920, .997]),
        ("SalUn 10K", [.277, .452, .501, .670, .718]),
        ("SalUn 20K", [.042, .135, .313, .691, .456]),
        ("DiMUM 10K", [.060, .259, .278, .489, .429]),
        ("DiMUM 20K", [.010, .007, .055, .204, .117]),
    ];

    public static Table First() =>
        new(
            "Paper, Table I: FID / sFID after unlearning",
            Source + " AR_u is 0 in every row.",
            ["Method, steps", .. Classes],
            [.. TableI.Select(row => Row(row.Method, row.FidAndSfid))],
            Foreign: true
        );

    public static Table Second() => HighestAr("Paper, Table II: highest AR_a, retain set (assumption i)", TableII);

    public static Table Third() => HighestAr("Paper, Table III: highest AR_a, test set without the class (assumption ii)", TableIII);

    private static Table HighestAr(string caption, IReadOnlyList<(string Method, double[] Ar)> rows) =>
        new(
            caption,
            Source,
            ["Method, steps", .. Classes],
            [.. rows.Select(row => Row(row.Method, row.Ar.Select(Numbers.Percent)))],
            Foreign: true
        );

    private static IReadOnlyList<Cell> Row(string name, IEnumerable<string> values) => [new Cell(name), .. values.Select(v => new Cell(v))];
}
