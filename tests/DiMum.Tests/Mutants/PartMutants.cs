using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using static TorchSharp.torch;

namespace DiMum.Tests.Mutants;

/// <summary>Parts of the library as functions, and wrong variants of them.</summary>
internal static class PartMutants
{
    public static Tensor Fisher(Guidance guidance, UnlearningContext context, Pairing pairing) =>
        new SfrOn(new(1, 1), true, 0.5, 1, guidance).Fisher(context, pairing);

    /// <summary>The library's projection of a gradient on one reference.</summary>
    public static double[] Project(double[] reference, double[] gradient)
    {
        using var scope = NewDisposeScope();
        using var projection = new GemProjection(tensor(reference).DetachFromDisposeScope());
        var projected = tensor(gradient);
        projection.Apply(projected);
        return projected.data<double>().ToArray();
    }

    /// <summary>The same, asked whether the gradient of the step before goes against the reference: here that one points the other way.</summary>
    public static double[] ProjectStale(double[] reference, double[] gradient)
    {
        var before = gradient.Select(g => -g).ToArray();
        return [.. Project(reference, before).Zip(before, (projected, g) => projected - g).Zip(gradient, (change, g) => g + change)];
    }

    /// <summary>The library's ESD target: η of ε(∅) − η·(ε(c) − ε(∅)).</summary>
    public static double[] EsdTarget(double eta, double[] concept, double[] nothing)
    {
        using var scope = NewDisposeScope();
        return new Esd(new(0, 1), eta, Guidance.None, 1).Target(tensor(concept), tensor(nothing)).data<double>().ToArray();
    }

    /// <summary>The square of the mean gradient instead of the mean of the squares.</summary>
    public static Tensor FisherOfMean(Guidance guidance, UnlearningContext context, Pairing pairing)
    {
        var sum = zeros_like(context.Model.Parameters.Values);
        var batches = GuidedGradient.ForEachBatch(context, pairing, guidance, g => sum.add_(g));
        return sum.div_(batches).square();
    }

    public static Tensor Average(Tensor shadow, Tensor theta, double rate)
    {
        var declared = new ParameterDeclarations();
        declared.Declare("theta", Init.Zeros, theta.numel());
        using var generator = new Seed(0).Generator();
        using var parameters = new ParameterVector(declared, CPU, generator, theta.dtype);
        parameters.Load(shadow);
        using var ema = new Ema(parameters, rate);
        parameters.Load(theta);
        ema.Update();
        return ema.Shadow.clone();
    }

    /// <summary>Every image stretched to its own darkest and brightest pixel.</summary>
    public static Tensor Stretched(Tensor model)
    {
        var (low, high) = (model.amin([1, 2, 3], keepdim: true), model.amax([1, 2, 3], keepdim: true));
        return ((model - low) / (high - low + 1e-5) * 255).round_().to(ScalarType.Byte);
    }

    /// <summary>The first image of each class only.</summary>
    public static Pairing FirstPerClass(Dataset data, IReadOnlySet<int> unlearned)
    {
        var labels = data.LabelArray();
        var first = labels.Select((label, i) => (label, i)).Where(p => !unlearned.Contains((int)p.label)).DistinctBy(p => p.label);
        var places = tensor(first.Select(p => (long)p.i).ToArray(), ScalarType.Int64);
        return Pairing.Of("retain", data.Images.index_select(0, places), data.Labels.index_select(0, places));
    }

    /// <summary>Weights without gradient compare as 0/0.</summary>
    public static Tensor RatioWithoutFloor(Tensor forget, Tensor retain, double gamma) => (forget / retain).ge(gamma).to(forget.dtype);

    /// <summary>DDIM whose η = 1 has the variance β instead of the posterior's.</summary>
    public sealed record WideDdim : Sampler
    {
        protected override Tensor Step(NoiseSchedule schedule, Tensor x, Tensor epsilon, int from, int to, NoiseSource noise)
        {
            var (now, next) = (schedule.AlphaBarAt(from), schedule.AlphaBarAt(to));
            var sigma = to < 0 ? 0 : Math.Sqrt(1 - now / next);
            var clean = PredictClean(x, epsilon, now);
            var step = Math.Sqrt(next) * clean + Math.Sqrt(Math.Max(0, 1 - next - sigma * sigma)) * epsilon;
            return sigma > 0 ? step + sigma * noise(x.shape) : step;
        }
    }
}
