using DiMum.Optimization;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;

namespace DiMum.Runs;

/// <summary>One method's numbers; which of them a method reads is said in its file.</summary>
public sealed record MethodSettings
{
    public string Name { get; init; } = "";

    /// <summary>Whether <paramref name="names"/> have its name, which means all its readings, or its label.</summary>
    public bool IsIn(IReadOnlyList<string> names) => names.Contains(Name) || names.Contains(Label);

    /// <summary>The name, with the reading where it is not the published one: tells stages of one method apart.</summary>
    public string Label => Reading == MethodReading.AsPublished ? Name : $"{Name}-{YamlRecord.Key($"{Reading}")}";

    public int Iterations { get; init; } = 10_000;
    public int BatchSize { get; init; } = 128;
    public double Rate { get; init; } = 1e-4;
    public RateDecay Decay { get; init; } = RateDecay.Constant;

    /// <summary>Global gradient-norm bound; 0 for none.</summary>
    public double Clip { get; init; } = 1;

    /// <summary>Of the paper, or of a released program where the two differ.</summary>
    public MethodReading Reading { get; init; } = MethodReading.AsPublished;

    /// <summary>Which weights may move: all, cross-attention, or patterns of names; see <see cref="ParameterSelection.Parse"/>.</summary>
    public string Parameters { get; init; } = "all";

    /// <summary>Weight of the retain term; null takes the method's own.</summary>
    public double? Retain { get; init; }

    /// <summary>Weight of the unlearning term; null takes the method's own.</summary>
    public double? Unlearning { get; init; }

    /// <summary>SalUn: share of weights that may move; 0 for no mask.</summary>
    public double MaskRatio { get; init; } = 0.5;

    /// <summary>SalUn, SFR-on: w of the guided prediction that masks are made from.</summary>
    public double MaskGuidanceWeight { get; init; } = 2;

    /// <summary>SFR-on: whether the ascent weight falls by a half cosine.</summary>
    public bool UnlearningDecay { get; init; } = true;

    /// <summary>SFR-on: λ of the adaptive weights.</summary>
    public double Lambda { get; init; } = 0.5;

    /// <summary>SFR-on: γ of the Fisher ratio; 0 for no mask.</summary>
    public double Gamma { get; init; } = 1;

    /// <summary>EraseDiff: K, inner passes.</summary>
    public int InnerPasses { get; init; } = 2;

    /// <summary>EraseDiff: η of the adaptive λ, which then replaces the unlearning weight; null for a fixed one.</summary>
    public double? AdaptiveMargin { get; init; }

    /// <summary>Scissorhands: share of weights that keep their values; 1 trims none.</summary>
    public double Sparsity { get; init; } = 0.97;

    /// <summary>Scissorhands: batches that the saliency is summed over.</summary>
    public int PruneBatches { get; init; } = 1;

    /// <summary>Scissorhands: reference gradients.</summary>
    public int Memories { get; init; } = 1;

    /// <summary>Scissorhands: iterations from one projection to the next; 0 for none, null takes the reading's (1 as published).</summary>
    public int? ProjectEvery { get; init; }

    /// <summary>Scissorhands: which weights may be trimmed, as in <see cref="Parameters"/>.</summary>
    public string Trimmed { get; init; } = "all";

    /// <summary>ESD: η of the negative guidance.</summary>
    public double EraseStrength { get; init; } = 1;

    /// <summary>ESD: s of the guidance under which x_t is denoised; concept ablation as released: under which anchor images are made (there 6).</summary>
    public double StartGuidanceScale { get; init; } = 3;

    /// <summary>ESD, concept ablation as released (there 200): DDIM steps from x_T to x₀.</summary>
    public int DenoisingSteps { get; init; } = 50;

    /// <summary>Concept ablation: model or noise.</summary>
    public AblationTarget AblationTarget { get; init; } = AblationTarget.Model;
}
