using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Samplers;

/// <summary>Parts of solvers that a whole way from noise does not show: noising, other predictions, UniPC's two scales.</summary>
public class SolverDetailTests
{
    private static readonly NoiseSchedule Schedule = NoiseSchedule.ScaledLinear(100, 0.01, 0.1);
    private static readonly OutputReading Noise = new();

    private static double One(Func<Tensor> of)
    {
        using var scope = NewDisposeScope();
        return of().item<double>();
    }

    private static Tensor Of(double value) => tensor(new[] { value }, [1, 1]);

    private static double Noised(Solver solver, int call) => One(() => solver.Noised(Of(0.7), Of(-0.4), call));

    private static double At(double alphaBar) => Math.Sqrt(alphaBar) * 0.7 - Math.Sqrt(1 - alphaBar) * 0.4;

    [Test]
    public void An_image_is_noised_to_the_level_where_the_call_begins()
    {
        var inversion = new DdimInversion(Schedule, 10, Noise);
        var (pndm, ddim) = (PndmSolver.AsDiffusers(Schedule, 10, true), DdimSolver.AsDiffusers(Schedule, 10));
        for (var call = 0; call < 10; call++)
        {
            // The inversion's level is one step before its time; before the first there is the clean image.
            var before = (int)inversion.Times[call] - 10;
            Assert.That(Noised(inversion, call), Is.EqualTo(At(before < 0 ? 1 : Schedule.AlphaBarAt(before))).Within(1e-12));
            Assert.That(Noised(pndm, call), Is.EqualTo(At(Schedule.AlphaBarAt((int)pndm.Times[call]))).Within(1e-12));
            Assert.That(Noised(ddim, call), Is.EqualTo(At(Schedule.AlphaBarAt((int)ddim.Times[call]))).Within(1e-12));
        }
    }

    [Test]
    public void PNDM_refuses_networks_that_predict_the_clean_image() =>
        Assert.That(
            () => PndmSolver.AsDiffusers(Schedule, 10, true, Prediction.Clean),
            Throws.TypeOf<UserError>().With.Message.Contains("not x₀")
        );

    [TestCase(Prediction.Noise)]
    [TestCase(Prediction.Velocity)]
    [TestCase(Prediction.Clean)]
    public void Every_prediction_is_read_back_to_image_and_noise(Prediction prediction)
    {
        const double signal = 0.8;
        const double spread = 0.6;
        var (image, noise) = (0.3, -1.2);
        var output = prediction switch
        {
            Prediction.Noise => noise,
            Prediction.Velocity => signal * noise - spread * image,
            _ => image,
        };
        using var scope = NewDisposeScope();
        var read = new OutputReading(prediction).Read(Of(signal * image + spread * noise), Of(output), signal, spread);
        Assert.That(read.Clean.item<double>(), Is.EqualTo(image).Within(1e-12));
        Assert.That(read.Noise.item<double>(), Is.EqualTo(noise).Within(1e-12));
    }

    private sealed class UniPc(bool exponential, Func<int, double> clean)
    {
        private readonly UniPcSolver solver = new(
            SigmaSteps.Integer(Schedule, 6, endsAtZero: false),
            new OutputReading(Prediction.Clean),
            2,
            exponential,
            lowersAtEnd: false
        );

        /// <summary>x before the first call at 0, after each later.</summary>
        public double[] Way()
        {
            using var scope = NewDisposeScope();
            var call = 0;
            List<double> seen = [0.4];
            solver.Run(
                Of(0.4),
                (x, _) => full_like(x, clean(call++)),
                _ => throw new InvalidOperationException("draws"),
                onStep: (_, x) => seen.Add(x.item<double>())
            );
            return [.. seen];
        }

        public double Lambda(int i) => -Math.Log(solver.Sigmas[i]);

        private double Length(int from) => Lambda(from + 1) - Lambda(from);

        public double Signal(int i) => 1 / Math.Sqrt(solver.Sigmas[i] * solver.Sigmas[i] + 1);

        public double Spread(int i) => solver.Sigmas[i] * Signal(i);

        public double B(int from) => exponential ? Math.Exp(-Length(from)) - 1 : -Length(from);

        /// <summary>One step of order 1.</summary>
        public double First(double x, int from) =>
            Spread(from + 1) / Spread(from) * x - Signal(from + 1) * (Math.Exp(-Length(from)) - 1) * clean(from);

        /// <summary>What the predictor of order 2 adds to it.</summary>
        public double Second(int from) =>
            -Signal(from + 1) * B(from) * 0.5 * (clean(from - 1) - clean(from)) / (-Length(from - 1) / Length(from));
    }

    // The first corrector and the predictors have one difference, of weight ½, and B(h) before it.
    [TestCase(true)]
    [TestCase(false)]
    public void UniPC_s_second_step_is_scaled_by_its_B(bool exponential)
    {
        double[] cleans = [0.9, 0.5, 0.8, 0.1, 0.2, 0.7];
        var solver = new UniPc(exponential, i => cleans[i]);
        var seen = solver.Way();
        Assert.That(seen[1], Is.EqualTo(solver.First(0.4, 0)).Within(1e-12));
        var corrected = solver.First(0.4, 0) - solver.Signal(1) * solver.B(0) * 0.5 * (0.5 - 0.9);
        Assert.That(seen[2], Is.EqualTo(solver.First(corrected, 1) + solver.Second(1)).Within(1e-12));
    }

    // Where x̂₀ is linear in λ a corrector of two differences is exact under either B, which cancels against its weights.
    [TestCase(true)]
    [TestCase(false)]
    public void UniPC_s_corrector_of_two_differences_is_exact_under_either_B(bool exponential)
    {
        UniPc solver = null!;
        solver = new UniPc(exponential, i => 0.7 - 0.3 * solver.Lambda(i));
        var seen = solver.Way();
        // The corrected x of a call is what its predictor went out from.
        double Corrected(int call) =>
            (seen[call + 1] - solver.Second(call) - solver.First(0, call)) * solver.Spread(call) / solver.Spread(call + 1);
        double Antiderivative(int i) => Math.Exp(solver.Lambda(i)) * (0.7 - 0.3 * solver.Lambda(i) + 0.3); // of e^λ·x̂₀
        for (var call = 2; call < 6; call++)
        {
            var exact =
                solver.Spread(call) * (Corrected(call - 1) / solver.Spread(call - 1) + Antiderivative(call) - Antiderivative(call - 1));
            Assert.That(Corrected(call), Is.EqualTo(exact).Within(1e-12), $"call {call}");
        }
    }

    [TestCase(0)]
    [TestCase(101)]
    public void A_sampler_takes_one_to_T_steps(int steps) =>
        Assert.That(() => new Ddim { Steps = steps }.Times(100), Throws.TypeOf<UserError>().With.Message.Contains("1…100"));

    [Test]
    public void A_single_step_goes_to_one_place()
    {
        Assert.That(
            new Ddim { Steps = 1, Skip = TimeSkip.Quadratic }.Times(100),
            Is.EqualTo(new[] { (int)(Math.Sqrt(80) * Math.Sqrt(80)) })
        );
        Assert.That(TimeGrid.Linspace(100, 1), Is.EqualTo(new[] { 0.0 }));
    }

    // Below 15 steps the last call is of order 1 and the one before of order 2; all others stay.
    [Test]
    public void Few_steps_lower_the_order_in_the_last_two_calls_alone()
    {
        double[] Way(bool lowers)
        {
            using var scope = NewDisposeScope();
            List<double> seen = [];
            new DpmMultistepSolver(
                SigmaSteps.Integer(Schedule, 10, endsAtZero: false),
                new OutputReading(Prediction.Clean),
                3,
                lowersAtEnd: lowers
            ).Run(
                Of(0.4),
                (x, t) => (x + t / 100).sin(),
                _ => throw new InvalidOperationException("draws"),
                onStep: (_, x) => seen.Add(x.item<double>())
            );
            return [.. seen];
        }

        var (lowered, whole) = (Way(true), Way(false));
        Assert.That(lowered[..8], Is.EqualTo(whole[..8]));
        Assert.That(lowered[8], Is.Not.EqualTo(whole[8]).Within(1e-9));
    }
}
