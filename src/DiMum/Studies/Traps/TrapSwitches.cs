using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Optimization;
using DiMum.Runs;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using static TorchSharp.torch;

namespace DiMum.Studies.Traps;

/// <summary>One trap put into a published reading, everything else as it is.</summary>
/// <param name="Trap">T1…T23.</param>
/// <param name="What">What is switched.</param>
/// <param name="Method">Whose published reading.</param>
/// <param name="Settings">The switch as settings, where it is one.</param>
/// <param name="Variant">The switch as a variant of the method, where no setting reaches it.</param>
internal sealed record TrapSwitch(
    string Trap,
    string What,
    string Method,
    Func<MethodSettings, MethodSettings> Settings,
    MethodVariant? Variant = null
)
{
    /// <summary>The published reading has the trap (its paper says no other), and the switch takes it out.</summary>
    public bool TakesOut { get; init; }

    /// <summary>The experiment with the trap, where that lies in its settings.</summary>
    public Func<Experiment, Experiment>? With { get; init; }

    /// <summary>The experiment without it, where these runs have the trap, or have neither side.</summary>
    public Func<Experiment, Experiment>? Without { get; init; }

    /// <summary>The trap as another way to look at images.</summary>
    public MeasuringVariant? Measured { get; init; }
}

/// <summary>The switches whose effect on AR is measured.</summary>
internal static class TrapSwitches
{
    public static IReadOnlyList<TrapSwitch> All { get; } =
    [
        new("T1", "relabel term as a sum per image (64 times its mean here)", "SalUn", s => s with { Unlearning = 64 }),
        Of("T2", "mask, then clip", "SalUn", "mask-then-clip", m => new Remasked((SalUn)m, SalUn.TopMask, ClipsLast: true)),
        new("T3, T4", "the mask without effect", "SalUn", s => s with { MaskRatio = 0 }),
        Of(
            "T5",
            "mask of the smallest gradients",
            "SalUn",
            "smallest",
            m => new Remasked((SalUn)m, (score, ratio) => SalUn.TopMask(score.neg(), ratio), ClipsLast: false)
        ),
        Of("T6", "the first batch at every step", "SalUn", "first-batch", m => FirstBatch((SalUn)m)),
        new(
            "– (near T7)",
            "no projection at all, as the benchmark leaves it; T7 itself changes nothing",
            "Scissorhands",
            s => s with { ProjectEvery = 0 }
        ),
        new("T8", "the small weight on the other term", "SalUn", s => s with { Retain = s.Unlearning, Unlearning = s.Retain }),
        Of("T9", "the inner loop's moments stay in Adam", "EraseDiff", "shared-moments", m => SharedMoments((EraseDiff)m)),
        new("T10", "mask from guided gradients, against unguided ones", "SFR-on", s => s with { MaskGuidanceWeight = 0 })
        {
            TakesOut = true,
        },
        new("T13", "the plain weights for their average (μ = 0.999), as the start of unlearning", "DiMUM", s => s)
        {
            Without = e => e with { Pretrain = e.Pretrain with { Ema = 0.999 }, Unlearn = e.Unlearn with { Start = StartWeights.Ema } },
        },
        new("T14", "DDIM with η = 1 for ancestral sampling with β_t, 100 steps each", "DiMUM", s => s)
        {
            With = e => e with { Sampling = e.Sampling with { Steps = 100, Eta = 1 } },
            Without = e =>
                e with
                {
                    Sampling = e.Sampling with { Sampler = SamplerKind.Ddpm, Variance = ReverseVariance.Large, Steps = 100 },
                },
        },
        new("T15", "w = 1 as a weight, which is scale 2, against scale 1", "DiMUM", s => s)
        {
            Without = e => e with { Sampling = e.Sampling with { GuidanceWeight = 0 } },
        },
        new("T16", "every image stretched to its own range before it is classified", "DiMUM", s => s)
        {
            Measured = new("stretched", images => Pixels.ToModel(Pixels.Stretched(Pixels.ToUnit(images)))),
        },
        new("T20", "top-3 for top-1", "DiMUM", s => s) { Measured = new("top-3", images => images, TopK: 3) },
        new("T21", "2 of the new program taken for η of the paper's target", "ESD", s => s with { EraseStrength = 2 }),
        Of("T22", "target of the current network, against a frozen one's", "SalUn", "frozen-target", m => new FrozenTarget((SalUn)m)) with
        {
            TakesOut = true,
        },
        new("T23", "mirrored times in all training for independent ones (eps and padding lie in the one network)", "DiMUM", s => s)
        {
            Without = e => e with { Diffusion = e.Diffusion with { Times = TimestepDraw.Uniform } },
        },
    ];

    /// <summary>Traps without a switch, and why.</summary>
    public static IReadOnlyDictionary<string, string> Without { get; } =
        new Dictionary<string, string>
        {
            ["T7"] = "refuted: it changes nothing",
            ["T11"] = "selects no weight of this network (above), so AR is the same",
            ["T12"] =
                "at 0.0001 the average is the weights of the table (above); at 0.9999 it has gone 0.2 % of the way from the pre-trained network after SFR-on's 20 iterations, so there is nothing unlearned to measure",
            ["T17"] = "moves distances, not AR",
            ["T18"] = "digits are grey",
            ["T19"] = "moves distances, not AR",
        };

    private static TrapSwitch Of(string trap, string what, string method, string name, Func<IUnlearningMethod, IUnlearningMethod> change) =>
        new(trap, what, method, s => s, new MethodVariant(name, change));

    private static SalUn FirstBatch(SalUn method) => method with { Read = method.Read with { Loader = Loader.FirstBatch } };

    private static EraseDiff SharedMoments(EraseDiff method) => method with { Loop = method.Loop with { SharedMoments = true } };

    /// <summary>SalUn with a mask of another choice, or clipped after it.</summary>
    private sealed record Remasked(SalUn Of, Func<Tensor, double, Tensor> Choose, bool ClipsLast) : IUnlearningMethod
    {
        public string Name => Of.Name;
        public string Reading => Of.Reading;
        public string Source => Of.Source;

        public IUpdateRule Prepare(UnlearningContext context)
        {
            using var score = Of.Saliency(context);
            var mask = Choose(score, Of.MaskRatio!.Value).DetachFromDisposeScope();
            if (!ClipsLast)
                return Of.Rule(context, mask);
            var transform = context.Selection.ThenMask(mask).ThenClip(context.ClipNorm);
            var plain = Of.Rule(context, null);
            return new UpdateRule(k => plain.Updates(k).Select(update => update with { Transform = transform }), mask, plain);
        }
    }

    /// <summary>SalUn whose target comes from the weights before unlearning.</summary>
    private sealed record FrozenTarget(SalUn Of) : IUnlearningMethod
    {
        public string Name => Of.Name;
        public string Reading => Of.Reading;
        public string Source => Of.Source;

        public IUpdateRule Prepare(UnlearningContext context)
        {
            var frozen = new FrozenWeights(context.Model);
            using var score = Of.Saliency(context);
            var mask = SalUn.TopMask(score, Of.MaskRatio!.Value).DetachFromDisposeScope();
            return new UpdateRule(k => [new(() => Loss(context, frozen, k), context.Clip.ThenMask(mask))], frozen, mask);
        }

        private Tensor Loss(UnlearningContext context, FrozenWeights frozen, int iteration)
        {
            var batch = context.Batches.Next(context.Forget, iteration);
            var benign = batch.Under(context.Batches.Redrop(context.Alternative(batch.Condition, iteration), "alternative", iteration));
            var target = frozen.Under(() => EpsilonLoss.Predict(context.Model, context.Schedule, benign));
            var output = EpsilonLoss.Predict(context.Model, context.Schedule, batch);
            return Of.Balance.Unlearning * EpsilonLoss.SquaredError(target, output, LossReduction.MeanAll)
                + Of.Balance.Retain * context.Loss(context.Retain, iteration);
        }
    }
}
