using DiMum.Diffusion.Samplers;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>The loops of diffusers' own tests, against their published sums and the last sample computed again.</summary>
internal static class PublishedLoopCase
{
    // The file has no tolerance for samples. The loops ran on float32 tables, where 1 − ᾱ_t/ᾱ_s keeps three to four digits near t = 0; here they are
    // float64. Measured: up to 6e-5 of the largest value.
    private const double Relative = 1e-4;

    public static void Run(CaseRun run)
    {
        using var none = no_grad();
        foreach (var loop in run.File.Expected("loops").Items())
        {
            using var scope = NewDisposeScope();
            Loop(run, loop);
        }
    }

    private static void Loop(CaseRun run, GoldenNode loop)
    {
        var calls = loop["set_timesteps_calls"].Use().Items();
        int? steps = calls.Count == 0 ? null : (int)calls[^1]["args"].Items()[0].Integer();
        var eta = loop["step_extra_arguments"].Use().Find("positional_after_sample")?.Numbers()[0] ?? 0;
        var solver = SolverConfig.Of(loop["scheduler"].Text(), loop["config"], steps, eta, singlePrecision: true);
        var from = solver.Times.Count - (int)loop["steps_run"].Integer();
        run.Check.Require(from >= 0, loop["steps_run"].Path, $"there are {solver.Times.Count} calls");
        if (from < 0)
            return;
        TimeLists.Compare(run.Check, loop.Find("timesteps_of_the_schedule"), solver.Times);
        TimeLists.Compare(run.Check, loop.Find("timesteps_run"), [.. solver.Times.Skip(from)]);

        var recomputed = loop["recomputed"];
        var shape = recomputed["last_sample"]["shape"].Integers();
        var start = Ramp(run, shape, backwards: false) * solver.StartDeviation;
        var added = loop["add_noise_timesteps"].Use().Items();
        if (added.Count > 0)
        {
            run.Check.Compare(added[0].Path, 0, solver.Times[from], added[0].Numbers()[0], 1e-3);
            start = solver.Noised(start, Ramp(run, shape, backwards: true), from);
        }

        solver.GoesOnFromInput = true;
        using var generator = new Generator(0, CPU);
        Tensor Noise(ReadOnlySpan<long> s) => randn(s.ToArray(), ScalarType.Float32, generator: generator).to(run.Precision).to(run.Device);
        var final = solver.Run(start, (x, t) => x * t / (t + 1), Noise, from);
        Compare(run.Check, loop, recomputed, final);
    }

    private static void Compare(Checker check, GoldenNode loop, GoldenNode recomputed, Tensor final)
    {
        var (sum, count) = (SolverCase.Size(final), final.numel());
        var sample = recomputed["last_sample"];
        var atol = Relative * sample["abs_max"].Number();
        Summary.Compare(check, sample, final.shape, Checker.Doubles(final), atol);
        check.Number(recomputed["sum_abs"], sum, atol * count);
        check.Number(recomputed["sum_abs_f64"], sum, atol * count);
        check.Number(recomputed["mean_abs"], sum / count, atol);
        foreach (var (name, entries) in loop["published"].Members())
        foreach (var entry in entries.Items())
        {
            var (value, rounding) = name == "result_sum" ? (sum, atol * count) : (sum / count, atol);
            var tolerance = entry["tolerance"].Number(); // of float32 against float32
            check.Number(entry["value"], value, final.dtype == ScalarType.Float64 ? Math.Max(tolerance, rounding) : tolerance);
        }

        loop.Find("passes_here")?.Use(); // how the authors' code did
    }

    // 0/n … (n−1)/n with the batch as the fastest axis, or the same backwards: [B,C,…].
    private static Tensor Ramp(CaseRun run, long[] shape, bool backwards)
    {
        var n = shape.Aggregate(1L, (product, k) => product * k);
        var values = arange(n, ScalarType.Float32);
        if (backwards)
            values = n - 1 - values;
        long[] order = [shape.Length - 1, .. Enumerable.Range(0, shape.Length - 1).Select(i => (long)i)];
        return (values / n).view([.. shape[1..], shape[0]]).permute(order).to(run.Precision).to(run.Device);
    }
}
