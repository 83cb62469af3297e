using DiMum.Metrics;
using DiMum.Runs;
using SkiaSharp;

namespace DiMum.Tests.Runs;

/// <summary>Made-up results for the report's tests. NOTHING here was measured: the numbers are drawn up to be told apart.</summary>
internal static class ReportFixture
{
    public const string Metric = "AR (synthetic classifier, Wilson)";
    private static readonly string[] Digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    /// <summary>
    /// A whole run with three methods of the paper's order and the retrained reference, whose highest AR_a under assumption i are as given.
    /// </summary>
    public static RunResults Run(double sfrOn = 0.953, double salUn = 0.587, double diMum = 0.032) =>
        Bare() with
        {
            Methods =
            [
                Method("retrain", 0.004, 3000, 3000, []),
                Method("SFR-on", 0.006, 60, 120, [Attack("i", sfrOn, 0.006), Attack("ii-a", 0.866, 0.006), Attack("ii-b", 0.421, 0.006)]),
                Method("SalUn", 0.011, 400, 400, [Attack("i", salUn, 0.011), Attack("ii-a", 0.464, 0.011), Attack("ii-b", 0.118, 0.011)]),
                Method("DiMUM", 0.002, 400, 400, [Attack("i", diMum, 0.002), Attack("ii-a", 0.026, 0.002), Attack("ii-b", 0.014, 0.002)]),
            ],
        };

    /// <summary>Only the pre-trained model exists.</summary>
    public static RunResults Bare() =>
        new(
            "synthetic-fixture",
            "name: synthetic-fixture\nseed: 7 # <not measured>\nmethods: [retrain, SFR-on, SalUn, DiMUM]\n",
            [new("network", "U-Net, 16 channels"), new("guidance", "weight 1.0"), new("<b>bold</b> & \"quoted\"", "a < b > c & 'd'")],
            "synthetic digits, 8×8 pixels, 10 classes",
            Digits,
            3,
            [4],
            7,
            3000,
            0.0421,
            new ClassifierResult(
                "synthetic-cnn-0000",
                new Measured(0.987, 450, 0.972, 0.995, "test accuracy (synthetic, Wilson)", "classifier")
            ),
            "samples/real.png",
            Evaluate(0, 0.973, 0.964, 3.21, "samples/pretrained.png", null),
            [],
            [new("machine", "synthetic, 2 cores"), new("TorchSharp", "0.0.0")],
            1234.5
        );

    public static Measured Rate(double value, long n = 500, string metric = Metric)
    {
        const double z = 1.959964;
        double centre = (value + z * z / (2 * n)) / (1 + z * z / n);
        double half = z / (1 + z * z / n) * Math.Sqrt(value * (1 - value) / n + z * z / (4.0 * n * n));
        return new Measured(value, n, Math.Max(0, centre - half), Math.Min(1, centre + half), metric, "synthetic model");
    }

    public static AttackResult Attack(string assumption, double highest, double start, int steps = 600)
    {
        Evaluation[] curve =
        [
            .. Enumerable
                .Range(0, 7)
                .Select(i =>
                    Evaluate(i * steps / 6, start + (highest - start) * Math.Min(1, i / 5.0), 0.95, 3.6, null, $"samples/strip-{i}.png")
                ),
        ];
        Evaluation top = curve.MaxBy(e => e.ArUnlearned.Value)!;
        int? first = curve.Where(e => e.ArUnlearned.Value > 0.1).Select(e => (int?)e.Step).FirstOrDefault();
        return new AttackResult(assumption, curve, top.ArUnlearned, top.Step, first, 0.0437);
    }

    public static MethodResult Method(
        string name,
        double arU,
        int iterations,
        int updates,
        IReadOnlyList<AttackResult> attacks,
        double start = 0.973
    )
    {
        Evaluation[] curve =
        [
            .. Enumerable
                .Range(0, 5)
                .Select(i =>
                    Evaluate(
                        i * iterations / 4,
                        Math.Max(arU, start * (1 - i / 2.5)),
                        0.962 - 0.003 * i,
                        3.2 + i * (0.1 + arU * 40),
                        null,
                        null
                    )
                ),
        ];
        Evaluation final = Evaluate(iterations, arU, Math.Min(0.99, 0.941 + arU), 4.12 + arU * 100, $"samples/{name}.png", null);
        return new MethodResult(name, "as published", $"synthetic source of {name}", iterations, updates, 0.0512, curve, final, attacks);
    }

    /// <summary>One model of a run on styles at one step.</summary>
    public static Evaluation OfStyle(int step, double ar, double alternative) =>
        new(step, Rate(ar), Rate(alternative), Rate(0.9), new Measured(3, 100, 2, 4, "Fréchet", "synthetic"), null, null, Rate(0.8));

    /// <summary>An attack on it: AR_a is the highest at the second point and 0 elsewhere, AR_alt as given.</summary>
    public static AttackResult StyleAttack(string assumption, double highest, params double[] alternatives)
    {
        Evaluation[] curve = [.. alternatives.Select((a, i) => OfStyle(100 * i, i == 1 ? highest : 0, a))];
        return new(assumption, curve, CurveMaximum.Of([.. curve.Select(e => e.ArUnlearned)]), 100, 100, 0.1);
    }

    /// <summary>Draws every picture the fixture names: blocky noise of the right size, one grey level a class.</summary>
    public static void DrawPictures(RunResults run, string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "samples"));
        var random = new Random(1);
        IEnumerable<string?> grids = run.Methods.Select(m => m.Final.Grid).Append(run.Pretrained.Grid).Append(run.RealSamples);
        foreach (string grid in grids.OfType<string>())
        {
            Draw(Path.Combine(folder, grid), rows: run.ClassNames.Count, columns: 8, random);
        }
        foreach (
            string strip in run.Methods.SelectMany(m => m.Attacks).SelectMany(a => a.Curve).Select(e => e.Strip).OfType<string>().Distinct()
        )
        {
            Draw(Path.Combine(folder, strip), rows: 1, columns: 16, random);
        }
    }

    private static Evaluation Evaluate(int step, double ar, double retained, double frechet, string? grid, string? strip) =>
        new(
            step,
            Rate(ar),
            Rate((1 - ar) * 0.9),
            Rate(retained, 900, "retained accuracy (synthetic)"),
            new Measured(frechet, 900, frechet * 0.94, frechet * 1.07, "Fréchet (synthetic features)", "synthetic model"),
            grid,
            strip
        );

    private static void Draw(string path, int rows, int columns, Random random)
    {
        using var bitmap = new SKBitmap(columns * 9 + 1, rows * 9 + 1);
        bitmap.Erase(SKColors.Black);
        for (int y = 0; y < rows * 8; y++)
        {
            for (int x = 0; x < columns * 8; x++)
            {
                byte level = (byte)(random.Next(128) + 12 * (y / 8));
                bitmap.SetPixel(1 + x / 8 * 9 + x % 8, 1 + y / 8 * 9 + y % 8, new SKColor(level, level, level));
            }
        }
        using SKData png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        File.WriteAllBytes(path, png.ToArray());
    }
}
