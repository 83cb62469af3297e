using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Samplers;

/// <summary>
/// Where x̂₀ is a polynomial p in λ, the equation has the solution x_t = σ_t/σ_s·x_s + σ_t·(F(λ_t) − F(λ_s)) with σ = √(1−ᾱ) and F′ = e^λ·p: a solver
/// that integrates differences of order k is exact where p has degree k − 1.
/// </summary>
public class ExactSolverTests
{
    private static readonly NoiseSchedule Schedule = NoiseSchedule.ScaledLinear(100, 0.01, 0.1);
    private static readonly OutputReading Clean = new(Prediction.Clean);
    private static readonly double[] Linear = [0.7, -0.3, 0];
    private static readonly double[] Quadratic = [0.7, -0.3, 0.2];

    private static SigmaSteps Levels(int steps, bool endsAtZero = false) => SigmaSteps.Integer(Schedule, steps, endsAtZero: endsAtZero);

    // x after every call, x before the first at index 0.
    private static double[] Way(LambdaSolver solver, double[] p)
    {
        using var scope = NewDisposeScope();
        var call = 0;
        List<double> seen = [0.4];
        Tensor Model(Tensor x, double t) => full_like(x, Value(p, Lambda(solver, call++)));
        solver.Run(
            tensor(new[] { 0.4 }, [1, 1]),
            Model,
            _ => throw new InvalidOperationException("draws"),
            onStep: (_, x) => seen.Add(x.item<double>())
        );
        return [.. seen];
    }

    private static double Lambda(LambdaSolver solver, int level) => -Math.Log(solver.Sigmas[level]);

    private static double Value(double[] p, double l) => p[0] + p[1] * l + p[2] * l * l;

    // F(λ) = e^λ·(p − p′ + p″).
    private static double Antiderivative(double[] p, double l) => Math.Exp(l) * (Value(p, l) - (p[1] + 2 * p[2] * l) + 2 * p[2]);

    private static double Exact(LambdaSolver solver, double[] p, int from, int to, double x)
    {
        double Spread(int level) => solver.Sigmas[level] / Math.Sqrt(solver.Sigmas[level] * solver.Sigmas[level] + 1);
        return Spread(to) * (x / Spread(from) + Antiderivative(p, Lambda(solver, to)) - Antiderivative(p, Lambda(solver, from)));
    }

    [TestCase(2)]
    [TestCase(3)]
    public void Many_step_solvers_are_exact_where_the_clean_image_is_linear_once_they_remember_enough(int order)
    {
        var solver = new DpmMultistepSolver(Levels(20), Clean, order, heun: true, lowersAtEnd: false);
        var x = Way(solver, Linear);
        for (var call = order - 1; call < 20; call++)
            Assert.That(x[call + 1], Is.EqualTo(Exact(solver, Linear, call, call + 1, x[call])).Within(1e-12), $"call {call}");
    }

    // h²·p″/2 enters with the weight of h²·p″, in diffusers as in the authors' own program: at order 3 the step is not of order 3.
    [Test]
    public void Order_three_of_many_steps_takes_half_of_the_second_difference_as_released()
    {
        var solver = new DpmMultistepSolver(Levels(20), Clean, 3, lowersAtEnd: false);
        var x = Way(solver, Quadratic);
        for (var call = 2; call < 20; call++)
        {
            var h = Lambda(solver, call + 1) - Lambda(solver, call);
            var signal = 1 / Math.Sqrt(solver.Sigmas[call + 1] * solver.Sigmas[call + 1] + 1);
            var half = -signal * ((Math.Exp(-h) - 1 + h) / (h * h) - 0.5) * Quadratic[2] * h * h;
            Assert.That(x[call + 1] + half, Is.EqualTo(Exact(solver, Quadratic, call, call + 1, x[call])).Within(1e-12), $"call {call}");
        }
    }

    [TestCase(2, 1, true)]
    [TestCase(3, 1, false)]
    [TestCase(3, 2, true)]
    public void Blocks_of_calls_are_exact_from_their_begin_to_their_end(int order, int degree, bool heun)
    {
        var solver = new DpmSinglestepSolver(Levels(4 * order), Clean, order, heun);
        var p = degree == 1 ? Linear : Quadratic;
        var x = Way(solver, p);
        for (var block = 0; block < 4; block++)
        {
            var (from, to) = (order * block, order * (block + 1));
            Assert.That(x[to], Is.EqualTo(Exact(solver, p, from, to, x[from])).Within(1e-12), $"block {block}");
        }
    }

    [Test]
    public void The_midpoint_is_not_exact_but_of_the_same_order()
    {
        double Error(int steps)
        {
            var solver = new DpmSinglestepSolver(Levels(steps), Clean, 2);
            var x = Way(solver, Linear);
            return Math.Abs(x[2] - Exact(solver, Linear, 0, 2, x[0]));
        }

        Assert.That(Error(8), Is.GreaterThan(1e-6));
        Assert.That(Error(32) / Error(8), Is.LessThan(1 / 16.0), "the error of a block falls with the third power of its width");
    }

    [TestCase(14, false)]
    [TestCase(15, true)]
    public void Few_steps_alone_lower_the_order_at_the_end(int steps, bool same)
    {
        double Last(bool lowers) => Way(new DpmMultistepSolver(Levels(steps), Clean, 3, lowersAtEnd: lowers), Quadratic)[^1];
        Assert.That(Last(true) == Last(false), Is.EqualTo(same), "fewer than 15 count as few");
    }

    [Test]
    public void Order_one_at_the_end_is_taken_where_asked_for_or_where_the_end_is_clean()
    {
        double FromLastButOne(bool euler, bool zero)
        {
            var solver = new DpmMultistepSolver(Levels(15, zero), Clean, 2, eulerAtEnd: euler);
            var x = Way(solver, Linear);
            // Order 1: x̂₀ of the last call held over the step.
            var held = new[] { Value(Linear, Lambda(solver, 14)), 0, 0 };
            return zero ? Math.Abs(x[^1] - held[0]) : Math.Abs(x[^1] - Exact(solver, held, 14, 15, x[^2]));
        }

        Assert.That(FromLastButOne(euler: true, zero: false), Is.LessThan(1e-12));
        Assert.That(FromLastButOne(euler: false, zero: false), Is.GreaterThan(1e-6));
        Assert.That(FromLastButOne(euler: false, zero: true), Is.LessThan(1e-12));
    }

    // Whole blocks: nothing to lower. Anything else is lowered whether asked for or not.
    [TestCase(8, 2, false, false)]
    [TestCase(9, 2, false, true)]
    [TestCase(8, 2, true, true)]
    [TestCase(9, 3, false, false)]
    [TestCase(10, 3, false, true)]
    [TestCase(11, 3, false, true)]
    [TestCase(9, 3, true, true)]
    public void Blocks_that_do_not_fill_the_steps_are_lowered_at_the_end(int steps, int order, bool endsAtZero, bool always)
    {
        double[] At(bool lowers) => Way(new DpmSinglestepSolver(Levels(steps, endsAtZero), Clean, order, lowersAtEnd: lowers), Quadratic);
        Assert.That(At(true).SequenceEqual(At(false)), Is.EqualTo(always));
        Assert.That(At(true), Has.Length.EqualTo(steps + 1).And.All.Matches<double>(double.IsFinite));
    }

    [TestCase(true, 0)]
    [TestCase(false, 1)]
    public void Levels_end_at_zero_or_at_the_schedules_first(bool endsAtZero, int first)
    {
        var table0 = Math.Sqrt((1 - Schedule.AlphaBar[0]) / Schedule.AlphaBar[0]);
        Assert.That(SigmaSteps.Real(Schedule, 5, endsAtZero: endsAtZero).Sigmas[^1], Is.EqualTo(first * table0).Within(1e-7));
        Assert.That(Levels(5, endsAtZero).Sigmas[^1], Is.EqualTo(first * table0).Within(1e-7));
    }
}
