using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Unlearning.Methods;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Studies.Traps;

/// <summary>Samplers, guidance and the network: T14, T15, T21, T23.</summary>
internal static class SamplingTraps
{
    public static Seen EtaOne(TrapScene scene)
    {
        var schedule = scene.Schedule;
        Tensor Sample(Sampler sampler)
        {
            using var generator = scene.Seed.At("noise").Generator();
            Tensor Noise(ReadOnlySpan<long> shape) => randn(shape, ScalarType.Float64, generator: generator);
            return sampler.Run(schedule, scene.Normal("start", 4, 1, 8, 8), (x, t) => x * Math.Sqrt(1 - schedule.AlphaBarAt(t)), Noise);
        }

        var eta = Sample(new Ddim { Steps = 1000, Eta = 1 });
        double Away(Tensor other) => ((eta - other).norm() / eta.norm()).ToDouble();
        var small = Away(Sample(new Ancestral { Steps = 1000 }));
        var large = Away(Sample(new Ancestral { Steps = 1000, Variance = ReverseVariance.Large }));
        var clipped = Away(Sample(new Ancestral { Steps = 1000, ClipClean = true }));
        return Seen.If(
            small < 1e-6 && large > 1e-3,
            $"DDIM with η = 1 and all 1000 steps, from ancestral sampling with the same noise: {small:g2} of its length with the posterior's variance, {large:g2} with β_t (the configuration's «fixedlarge»), {clipped:g2} with x̂₀ clipped"
        );
    }

    public static Seen WeightIsNotScale(TrapScene scene)
    {
        using var model = scene.Network();
        using var none = no_grad();
        model.Training = false;
        var x = scene.Normal("x", 8, 1, 8, 8).to(ScalarType.Float32);
        var time = full(8, 500, ScalarType.Int64);
        Tensor Predict(bool keep) =>
            model.Predict(x, time, new Condition(full(8, 3, ScalarType.Int64), keep ? null : zeros(8, ScalarType.Bool)));
        var (conditional, nothing) = (Predict(true), Predict(false));
        var released = 3 * conditional - 2 * nothing; // (1+w)·ε_c − w·ε_∅, w = 2
        double Away(Tensor other) => ((released - other).norm() / released.norm()).ToDouble();
        var (three, two) = (
            Away(Guidance.ByScale(3).Combine(conditional, nothing)),
            Away(Guidance.ByScale(2).Combine(conditional, nothing))
        );
        using var embedding = model.Parameters.Slice(model.Parameters.Values, "null_classes_emb");
        var learned = embedding.norm().ToDouble();
        return Seen.If(
            three < 1e-5 && two > 1e-3 && learned > 0,
            $"w = 2 is scale 3 (apart by {three:g2}), not scale 2 ({two:g2}); the null condition is a parameter of norm {learned:f2}, not zero"
        );
    }

    public static Seen TwoForms(TrapScene scene)
    {
        var (concept, nothing) = (scene.Normal("concept", 64), scene.Normal("nothing", 64));
        var released = concept - 2 * (concept - nothing); // erasing@25613d2 at its default
        double Away(double eta) => (new Esd(new(0, 1), eta, Guidance.None, 1).Target(concept, nothing) - released).abs().max().ToDouble();
        return Seen.If(
            Away(1) < 1e-12 && Away(2) > 0.1,
            $"ε_c − 2(ε_c − ε_∅) from ε_∅ − η(ε_c − ε_∅): at most {Away(1):g2} apart at η = 1, {Away(2):g2} at η = 2"
        );
    }

    public static Seen NetworkDetails(TrapScene scene)
    {
        using var none = no_grad();
        var x = scene.Normal("x", 4, 32, 8, 8) * 1e-3;
        double Away(Tensor a, Tensor b) => ((a - b).norm() / a.norm()).ToDouble();
        var norm = Away(functional.group_norm(x, 32, eps: 1e-6), functional.group_norm(x, 32, eps: 1e-5));
        var kernel = scene.Normal("kernel", 32, 32, 3, 3);
        var pad = Away(
            functional.conv2d(functional.pad(x, [0, 1, 0, 1]), kernel, strides: [2, 2]),
            functional.conv2d(x, kernel, strides: [2, 2], padding: [1, 1])
        );
        using var generator = scene.Seed.At("times").Generator();
        var times = Timesteps.Draw(TimestepDraw.Antithetic, 128, 1000, generator);
        var mirrored = (times.narrow(0, 0, 63) + times.narrow(0, 65, 63)).sub(999).abs().max().ToDouble();
        return Seen.If(
            norm > 1e-3 && pad > 0.1 && mirrored == 0,
            $"GroupNorm with eps 1e-6 against 1e-5, inputs of σ = 1e-3: {norm:p0} apart; padding (0,1,0,1) against 1 on every side: {pad:p0}; t and T−1−t come in pairs (off by at most {mirrored:f0})"
        );
    }
}
