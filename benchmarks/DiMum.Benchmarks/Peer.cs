using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using DiMum.Data;
using DiMum.Metrics;
using DiMum.Metrics.Inception;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Benchmarks;

/// <summary>
/// The other half of <c>benchmarks/peers/metrics.py</c>: answers a line of questions each on standard input, so that both sides are timed in turn,
/// each in a process that is warm. An answer is
/// <c>seconds, processor seconds, value</c>.
/// </summary>
internal static class Peer
{
    public static void Answer()
    {
        IFeatureNetwork? network = null;
        using var steps = new PeerSteps();
        while (Console.ReadLine() is { } line)
        {
            var words = line.Split('\t');
            if (Question(steps, words))
                continue;
            using var scope = NewDisposeScope();
            switch (words)
            {
                case ["threads", var n]:
                    set_num_threads(int.Parse(n, CultureInfo.InvariantCulture));
                    Say(new Clock(), 0);
                    break;
                case ["weights", var file]:
                    var clock = new Clock();
                    var (inception, identity) = InceptionWeights.Open(file, CPU);
                    network = new InceptionNetwork(inception, identity);
                    Say(clock, 0);
                    break;
                case ["features", var npz, var batch, var to]:
                    Features(network!, npz, int.Parse(batch, CultureInfo.InvariantCulture), to);
                    break;
                case ["resnet34", var weights, var npz, var classes, var to]:
                    Logits(weights, npz, int.Parse(classes, CultureInfo.InvariantCulture), to);
                    break;
                case ["frechet", var a, var b]:
                    Distance(a, b);
                    break;
                default:
                    throw new ArgumentException($"'{line}': not a question of benchmarks/peers");
            }
        }
    }

    // What steps.py asks. Outside of any dispose scope: networks stay from question to question.
    private static bool Question(PeerSteps steps, string[] words)
    {
        int At(int i) => int.Parse(words[i], CultureInfo.InvariantCulture);
        ScalarType Type(int i) => words[i] == "bf16" ? ScalarType.BFloat16 : ScalarType.Float32;
        Func<double>? work = words switch
        {
            ["open", .. var shape, var file] => () => steps.Open(shape, file),
            ["forget"] => steps.Forget,
            ["steps", var who, _] => () => steps.Steps(who, At(2)),
            ["sample", var who, _] => () => steps.Sample(who, At(2)),
            ["optimise", var who, _] => () => steps.Optimise(who, At(2)),
            ["mask", var who, _] => () => steps.Mask(who, At(2)),
            ["conv", _, _, _, _, _, _, _, _] => () => PeerSteps.Convolve(Type(1), At(2), At(3), At(4), At(5), At(6), At(7), At(8)),
            ["gemm", _, _, _] => () => PeerSteps.Multiply(Type(1), At(2), At(3)),
            _ => null,
        };
        if (work is null)
            return false;
        var clock = new Clock();
        Say(clock, work());
        return true;
    }

    // Pooled features of all samples, float32 [N,2048], as they lie in memory; from bytes, resize included.
    private static void Features(IFeatureNetwork network, string npz, int batch, string to)
    {
        var images = ImageSet.Open(npz).Batches(batch).Select(x => x.DetachFromDisposeScope()).ToList();
        var clock = new Clock();
        var rows = new List<float[]>();
        foreach (var x in images)
        {
            using var scope = NewDisposeScope();
            rows.Add(network.Read(x, EvaluationProtocol.Clean).Pool.data<float>().ToArray());
        }

        clock.Stop();
        images.ForEach(x => x.Dispose());
        Write(to, rows);
        Say(clock, rows.Sum(r => r.Length));
    }

    // Logits of all samples as bytes/127.5 − 1, float32 [N,K].
    private static void Logits(string weights, string npz, int classes, string to)
    {
        using var generator = new Generator(1, CPU);
        using var network = new ResNet34(classes, CPU, generator);
        network.Load(weights);
        var clock = new Clock();
        var rows = ImageSet.Open(npz).Batches(16).Select(x => network.Forward(Pixels.ToModel(x)).Logits.data<float>().ToArray()).ToList();
        Write(to, rows);
        Say(clock, rows.Sum(r => r.Length));
    }

    private static void Write(string to, List<float[]> rows)
    {
        using var file = File.Create(to);
        rows.ForEach(r => file.Write(MemoryMarshal.AsBytes(r.AsSpan())));
    }

    private static void Distance(string a, string b)
    {
        var (x, y) = (FeatureStatistics.Read(a).Pool, FeatureStatistics.Read(b).Pool);
        var clock = new Clock();
        var value = new Frechet(y.Mean, y.Covariance).To(x.Mean, x.Covariance);
        Say(clock, value);
    }

    private static void Say(Clock clock, double value)
    {
        clock.Stop();
        Console.WriteLine(FormattableString.Invariant($"{clock.Seconds:r} {clock.ProcessorSeconds:r} {value:r}"));
        Console.Out.Flush();
    }

    /// <summary>Wall and processor time of this process, from birth to the first stop.</summary>
    private sealed class Clock
    {
        private readonly Stopwatch wall = Stopwatch.StartNew();
        private readonly TimeSpan before = Now;
        private TimeSpan? after;

        public double Seconds => wall.Elapsed.TotalSeconds;

        public double ProcessorSeconds => (after!.Value - before).TotalSeconds;

        private static TimeSpan Now => Process.GetCurrentProcess().TotalProcessorTime;

        public void Stop()
        {
            wall.Stop();
            after ??= Now;
        }
    }
}
