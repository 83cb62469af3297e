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
