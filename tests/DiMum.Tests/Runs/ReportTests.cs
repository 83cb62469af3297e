using System.Xml;
using System.Xml.Linq;
using DiMum.Metrics;
using DiMum.Runs;
using DiMum.Runs.Report;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

public class ReportTests
{
    private string folder = null!;

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory("dimum-report-").FullName;

    [TearDown]
    public void DeleteFolder()
    {
        if (Environment.GetEnvironmentVariable("DIMUM_KEEP_REPORTS") is null)
        {
            Directory.Delete(folder, recursive: true);
        }
        else
        {
            TestContext.Out.WriteLine(folder);
        }
    }

    [Test]
    public void Every_number_of_the_run_stands_in_the_tables_with_its_interval_and_n()
    {
        RunResults run = ReportFixture.Run();
        string html = Write(run).Root!.Value;
        ReportWriter.WriteTables(run, folder);
        string markdown = File.ReadAllText(Path.Combine(folder, "results.md"));
        IEnumerable<Evaluation> finals = run.Methods.Select(m => m.Final).Append(run.Pretrained);
        IEnumerable<Measured?> rates = finals
            .SelectMany(e => new[] { e.ArUnlearned, e.ArAlternative, e.RetainedAccuracy })
            .Concat(run.Methods.SelectMany(m => m.Attacks).Select(a => a.HighestAr));
        IEnumerable<Cell> cells = rates.Select(Numbers.RateCell).Concat(finals.Select(e => Numbers.DistanceCell(e.Frechet)));
        Assert.Multiple(() =>
        {
            foreach (Cell cell in cells)
            {
                Assert.That(html, Does.Contain(cell.Main + cell.Detail));
                Assert.That(markdown, Does.Contain($"{cell.Main} ({cell.Detail}"));
            }
        });
    }

    [Test]
    public void A_rate_is_written_as_percent_with_one_decimal_its_interval_and_n() =>
        Assert.That(
            Numbers.RateCell(new Measured(0.1234, 1500, 0.1, 0.15, "m", "o")),
            Is.EqualTo(new Cell("12.3\u00a0%", "10.0 to 15.0\u00a0%, n = 1,500"))
        );

    [Test]
    public void A_rate_without_an_interval_says_so() =>
        Assert.That(Numbers.RateCell(new Measured(0.5, 20, double.NaN, double.NaN, "m", "o")).Detail, Is.EqualTo("no interval, n = 20"));

    [TestCase(0.953, 0.587, 0.032, "this run agrees with that order. Highest AR_a: SFR-on 95.3\u00a0% [")]
    [TestCase(0.587, 0.953, 0.032, "this run contradicts that order in 1 of 3 pairs")]
    [TestCase(0.500, 0.490, 0.510, "this run cannot tell whether that order holds")]
    [TestCase(0.953, 0.060, 0.032, "this run agrees with part of that order and cannot tell the rest")]
    public void The_summary_judges_the_order_by_the_intervals(double sfrOn, double salUn, double diMum, string wording)
    {
        string[] sentences = [.. OrderSummary.Of(ReportFixture.Run(sfrOn, salUn, diMum))];
        Assert.That(sentences.Single(s => s.StartsWith("Attack i:", StringComparison.Ordinal)), Does.Contain(wording));
    }

    [Test]
    public void Rates_measured_in_unlike_ways_are_not_ordered()
    {
        RunResults run = WithAttack(
            ReportFixture.Run(),
            "SalUn",
            a => a with { HighestAr = ReportFixture.Rate(0.5, metric: "another classifier") }
        );
        Assert.That(OrderSummary.Of(run).ElementAt(1), Does.Contain("measured in unlike ways").And.Not.Contain("agrees"));
    }

    [Test]
    public void Rates_without_intervals_are_not_ordered()
    {
        RunResults run = WithAttack(
            ReportFixture.Run(),
            "SalUn",
            a => a with { HighestAr = a.HighestAr with { Low = double.NaN, High = double.NaN } }
        );
        Assert.That(OrderSummary.Of(run).ElementAt(1), Does.Contain("without intervals").And.Not.Contain("agrees"));
    }

    [TestCase(0.953, "the class came back in DiMUM")]
    [TestCase(0.032, "it did not come back in DiMUM")]
    [TestCase(0.110, "cannot be told for DiMUM")]
    public void The_summary_says_who_came_back(double diMum, string wording)
    {
        RunResults run = ReportFixture.Run() with
        {
            Methods = [ReportFixture.Method("DiMUM", 0.002, 40, 40, [ReportFixture.Attack("i", diMum, 0.002)])],
        };
        Assert.That(Text(run, "After the attack"), Does.Contain(wording));
    }

    [Test]
    public void What_was_not_forgotten_does_not_come_back()
    {
        RunResults run = ReportFixture.Run() with
        {
            Methods = [ReportFixture.Method("SalUn", 0.8, 40, 40, [ReportFixture.Attack("i", 0.95, 0.8)])],
        };
        Assert.Multiple(() =>
        {
            Assert.That(Text(run, "After unlearning"), Does.Contain("Not forgotten"));
            Assert.That(Text(run, "After the attack"), Does.Contain("nothing to bring back in SalUn").And.Not.Contain("came back in"));
        });
    }

    [Test]
    public void The_summary_tells_what_forgetting_cost_the_other_classes()
    {
        MethodResult broken = ReportFixture.Method("SalUn", 0.01, 40, 40, []);
        broken = broken with
        {
            Final = broken.Final with { RetainedAccuracy = ReportFixture.Rate(0.2, 900, "retained accuracy (synthetic)") },
        };
        RunResults run = ReportFixture.Run() with { Methods = [broken, ReportFixture.Method("DiMUM", 0.01, 40, 40, [])] };
        Assert.That(
            Text(run, "The other classes"),
            Does.Contain("Worse than before (intervals apart): SalUn 20.0")
                .And.Contain("Not told apart from before (intervals overlap): DiMUM 95.1")
        );
    }

    // SFR-on 95.3 % and DiMUM 3.2 % of 500 are apart; retrain 0.4 % and DiMUM 0.2 % are not.
    [Test]
    public void The_summary_says_which_methods_these_images_can_tell_apart()
    {
        string text = Text(ReportFixture.Run(), "Who can be told apart");
        Assert.That(
            text,
            Does.Contain("AR_u after unlearning, n = 500: ")
                .And.Contain("retrain and DiMUM (0.4\u00a0% and 0.2\u00a0%, p = 1.00)")
                .And.Contain(
                    "AR_a (i) at attack step 600, n = 500: told apart are SFR-on above SalUn (95.3\u00a0% and 58.7\u00a0%, p < 0.0001)"
                )
        );
        Assert.That(Write(ReportFixture.Run()).Root!.Value, Does.Contain("Which methods can be told apart"));
    }

    [Test]
    public void Rates_measured_in_unlike_ways_make_no_pair()
    {
        MethodResult method = ReportFixture.Method("SalUn", 0.01, 40, 40, []);
        RunResults run = ReportFixture.Run() with
        {
            Methods =
            [
                method,
                ReportFixture.Method("DiMUM", 0.9, 40, 40, []) with
                {
                    Final = method.Final with { ArUnlearned = ReportFixture.Rate(0.9, metric: "another classifier") },
                },
            ],
        };
        Assert.That(Pairs.Of(run), Is.Empty);
        Assert.That(Summary.Of(run).Select(part => part.Heading), Has.None.EqualTo("Who can be told apart"));
    }

    [Test]
    public void The_report_says_whether_the_highest_rate_s_interval_is_corrected()
    {
        Assert.That(Text(ReportFixture.Run(), "What limits this"), Does.Contain("its interval is that of the one step"));
        RunResults run = ReportFixture.Run();
        RunResults corrected = run with
        {
            Methods =
            [
                .. run.Methods.Select(m =>
                    m with
                    {
                        Attacks =
                        [
                            .. m.Attacks.Select(a => a with { HighestAr = CurveMaximum.Of([.. a.Curve.Select(e => e.ArUnlearned)]) }),
                        ],
                    }
                ),
            ],
        };
        Assert.That(Text(corrected, "What limits this"), Does.Contain("corrected for taking the highest of all measured steps"));
        AttackResult attack = corrected.Methods[^1].Attacks[0];
        Assert.That(attack.HighestAr.Metric, Does.Contain("highest of K = 7"));
        Assert.That(attack.HighestAr.Value, Is.EqualTo(attack.Curve.Max(e => e.ArUnlearned.Value)));
        Assert.That(attack.HighestAr.High, Is.GreaterThan(run.Methods[^1].Attacks[0].HighestAr.High));
    }

    [Test]
    public void The_summary_names_what_limits_it() =>
        Assert.That(
            Text(ReportFixture.Run(), "What limits this"),
            Does.Contain("n = 500 images")
                .And.Contain("one seed (7)")
                .And.Contain("3,000 pre-training steps where the paper took 1,000,000")
        );

    [Test]
    public void The_page_is_well_formed_and_needs_nothing_outside_itself()
    {
        XDocument page = Write(ReportFixture.Run());
        string[] addresses =
        [
            .. page.Descendants()
                .Attributes()
                .Where(a => a.Name.LocalName is "src" or "srcset" or "href" or "data" or "action")
                .Select(a => a.Value),
        ];
        Assert.Multiple(() =>
        {
            Assert.That(addresses, Is.Not.Empty.And.All.StartsWith("data:image/png;base64,"));
            Assert.That(page.Descendants().Select(e => e.Name.LocalName), Has.None.AnyOf("script", "link", "iframe", "object"));
            Assert.That(page.Descendants("style").Single().Value, Does.Not.Contain("url(").And.Not.Contain("@import").And.Not.Contain(">"));
            Assert.That(page.Descendants().Where(e => e.IsEmpty).Select(e => e.Name.LocalName), Is.All.AnyOf("meta", "img", "source"));
        });
    }

    [Test]
    public void Text_is_escaped()
    {
        RunResults run = ReportFixture.Run() with { ClassNames = ["a<script>", "b", "c", "d&\u0001</td>"], Name = "<i>name</i> | _x_" };
        XDocument page = Write(run);
        ReportWriter.WriteTables(run, folder);
        Assert.Multiple(() =>
        {
            Assert.That(page.Descendants("td").Select(e => e.Value), Has.Some.EqualTo("a < b > c & 'd'"));
            Assert.That(page.Descendants().Select(e => e.Name.LocalName), Has.None.AnyOf("script", "i"));
            Assert.That(page.Descendants("title").Single().Value, Does.Contain("d&\ufffd</td>"));
            Assert.That(File.ReadAllText(Path.Combine(folder, "results.md")), Does.StartWith(@"# &lt;i>name&lt;/i> \| \_x\_"));
        });
    }

    [Test]
    public void A_run_with_only_a_pretrained_model_says_what_is_not_there_yet()
    {
        string text = Write(ReportFixture.Bare(), pictures: false).Root!.Value;
        ReportWriter.WriteTables(ReportFixture.Bare(), folder);
        Assert.That(
            text,
            Does.Contain("No unlearning method has been run yet")
                .And.Contain("No attack has been run yet")
                .And.Contain("samples/pretrained.png is not in the run folder")
                .And.Contain("no order to compare yet")
        );
    }

    [Test]
    public void Missing_measures_attacks_and_pictures_do_not_stop_the_report()
    {
        MethodResult method = ReportFixture.Method("SalUn", 0.01, 40, 40, []);
        RunResults run = ReportFixture.Bare() with
        {
            UnlearnedClass = 99,
            AlternativeClasses = [],
            RealSamples = "",
            Methods =
            [
                method with
                {
                    Curve = [],
                    Final = method.Final with
                    {
                        Frechet = null,
                        RetainedAccuracy = null,
                        Grid = null,
                        ArUnlearned = ReportFixture.Rate(double.NaN),
                    },
                },
                method with
                {
                    Reading = "as released (repo@commit)",
                    Attacks = [ReportFixture.Attack("ii-b", 0.3, 0) with { Curve = [] }],
                },
            ],
        };
        string text = Write(run, pictures: false).Root!.Value;
        ReportWriter.WriteTables(run, folder);
        Assert.That(text, Does.Contain("SalUn as published").And.Contain("SalUn as released").And.Contain("class 99"));
    }

    [Test]
    public void A_picture_outside_the_run_folder_is_not_taken_in() =>
        Assert.That(Pictures.Samples(folder, "../secret.png", "", 100).Value, Does.Contain("not in the run folder"));

    [Test]
    public void Csv_has_one_row_a_measure_at_full_precision()
    {
        RunResults run = ReportFixture.Run();
        ReportWriter.WriteTables(run, folder);
        string[] lines = File.ReadAllLines(Path.Combine(folder, "results.csv"));
        int evaluations = 1 + run.Methods.Sum(m => m.Curve.Count + 1 + m.Attacks.Sum(a => a.Curve.Count));
        int attacks = run.Methods.Sum(m => m.Attacks.Count);
        Assert.Multiple(() =>
        {
            Assert.That(lines[0], Is.EqualTo("stage,method,reading,assumption,step,quantity,value,low,high,n,metric,of"));
            Assert.That(lines, Has.Length.EqualTo(2 + 4 * evaluations + attacks));
            Assert.That(lines, Has.Some.StartsWith("attack-highest,SalUn,as published,ii-a,500,ar_unlearned,0.464,"));
            Assert.That(lines, Has.Some.Contains(",\"AR (synthetic classifier, Wilson)\",synthetic model"));
        });
    }

    [Test]
    public void The_papers_tables_stand_beside_as_other_data()
    {
        XDocument page = Write(ReportFixture.Run());
        XElement[] foreign = [.. page.Descendants("div").Where(e => (string?)e.Attribute("class") == "table foreign")];
        Assert.Multiple(() =>
        {
            Assert.That(foreign, Has.Length.EqualTo(3));
            Assert.That(foreign.Select(e => e.Value), Is.All.Contains("CIFAR-10").And.All.Contains("real FID"));
            Assert.That(foreign[1].Value, Does.Contain("DiMUM 20K2.8\u00a0%3.2\u00a0%16.6\u00a0%25.2\u00a0%21.7\u00a0%"));
        });
    }

    private XDocument Write(RunResults run, bool pictures = true)
    {
        if (pictures)
        {
            ReportFixture.DrawPictures(run, folder);
        }
        ReportWriter.Write(run, folder);
        using var reader = XmlReader.Create(
            Path.Combine(folder, "report.html"),
            new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore, XmlResolver = null }
        );
        return XDocument.Load(reader, LoadOptions.PreserveWhitespace);
    }

    private static string Text(RunResults run, string heading) =>
        string.Join(" ", Summary.Of(run).Single(part => part.Heading == heading).Sentences);

    private static RunResults WithAttack(RunResults run, string method, Func<AttackResult, AttackResult> change) =>
        run with
        {
            Methods = [.. run.Methods.Select(m => m.Name == method ? m with { Attacks = [.. m.Attacks.Select(change)] } : m)],
        };
}
