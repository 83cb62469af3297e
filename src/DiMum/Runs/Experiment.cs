using DiMum.Attacks;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Unlearning;

namespace DiMum.Runs;

/// <summary>One experiment: everything that decides its result, in one immutable record. Read from YAML; unknown keys are errors.</summary>
public sealed record Experiment
{
    public string Name { get; init; } = "experiment";

    /// <summary>Run seed; every draw derives from it.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>cpu, cuda or cuda:N.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Threads of one operation; 0 takes all cores. Part of the record, because sums depend on it in the last bit.</summary>
    public int Threads { get; init; }

    /// <summary>fp32 or bf16: what networks compute in; see <see cref="Nets.Precision"/>. The classifier that measures stays in float32.</summary>
    public Precision Precision { get; init; }

    /// <summary>Stages worked on at once; results do not depend on it. 0 fills the cores that one stage's threads leave free.</summary>
    public int Workers { get; init; } = 1;

    public DataSettings Data { get; init; } = new();
    public NetworkSettings Network { get; init; } = new();
    public DiffusionSettings Diffusion { get; init; } = new();
    public TrainingSettings Pretrain { get; init; } = new();
    public ClassifierSettings Classifier { get; init; } = new();
    public SamplingSettings Sampling { get; init; } = new();
    public UnlearnSettings Unlearn { get; init; } = new();
    public AttackSettings Attack { get; init; } = new();
    public EvaluateSettings Evaluate { get; init; } = new();
    public CanvasSettings Canvas { get; init; } = new();

    /// <summary>The method of that label, or the first of that name.</summary>
    /// <exception cref="UserError">There is none.</exception>
    public MethodSettings MethodOf(string name) =>
        Unlearn.Methods.FirstOrDefault(m => m.Label.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? Unlearn.Methods.FirstOrDefault(m => m.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new UserError(
            $"method '{name}': this experiment has {string.Join(", ", Unlearn.Methods.Select(m => m.Label))}; add it to unlearn.methods"
        );
}

/// <summary>Which images.</summary>
public sealed record DataSettings
{
    /// <summary>digits, mixture and mini-canvas (built in), unlearn-canvas (planned only), cifar10, mnist, fashion-mnist or image-folder.</summary>
    public string Name { get; init; } = "digits";

    /// <summary>Folder of the files; what is built in needs none.</summary>
    public string? Path { get; init; }

    /// <summary>Side the images are reduced to, pixels; null keeps theirs.</summary>
    public int? Size { get; init; }

    /// <summary>Random horizontal mirroring in training.</summary>
    public bool Flip { get; init; }
}

/// <summary>Which network.</summary>
public enum NetworkKind
{
    /// <summary><see cref="ClassConditionalUNet"/>.</summary>
    Unet,

    /// <summary><see cref="MlpDenoiser"/>, for points.</summary>
    Mlp,
}

/// <summary>The U-Net's shape; see <see cref="UNetConfig"/>. Defaults are the released CIFAR-10 network.</summary>
public sealed record NetworkSettings
{
    /// <summary>unet or mlp; of the keys below an mlp reads channels (its width), res-blocks and null.</summary>
    public NetworkKind Kind { get; init; }
    public int Channels { get; init; } = 128;
    public IReadOnlyList<int> Multipliers { get; init; } = [1, 2, 2, 2];
    public int ResBlocks { get; init; } = 2;
    public IReadOnlyList<int> Attention { get; init; } = [16];
    public double Dropout { get; init; } = 0.1;
    public int NormGroups { get; init; } = 32;
    public NullCondition Null { get; init; } = NullCondition.Learned;
}

/// <summary>Schedule and draws of training.</summary>
public sealed record DiffusionSettings
{
    /// <summary>linear, cosine or scaled-linear.</summary>
    public string Schedule { get; init; } = "linear";

    /// <summary>T.</summary>
    public int Steps { get; init; } = 1000;

    public TimestepDraw Times { get; init; } = TimestepDraw.Antithetic;

    /// <summary>Share of conditions replaced by ∅ in every training loss.</summary>
    public double DropProbability { get; init; } = 0.1;
}

/// <summary>A training stage.</summary>
public sealed record TrainingSettings
{
    public int Iterations { get; init; } = 1_000_000;
    public int BatchSize { get; init; } = 128;
    public double Rate { get; init; } = 2e-4;
    public RateDecay Decay { get; init; } = RateDecay.Constant;
    public int Warmup { get; init; }

    /// <summary>Global gradient-norm bound.</summary>
    public double Clip { get; init; } = 1;

    /// <summary>μ of the moving average; null keeps none.</summary>
    public double? Ema { get; init; } = 0.9999;

    /// <summary>Iterations between checkpoints.</summary>
    public int CheckpointEvery { get; init; } = 5000;
}

/// <summary>Which classifier.</summary>
public enum ClassifierKind
{
    /// <summary>A small residual network, trained in the run.</summary>
    Small,

    /// <summary>torchvision's ResNet-34, as the released evaluation uses it.</summary>
    Resnet34,
}

/// <summary>
/// The classifier that measures; a mixture's is the Bayes rule of its law and reads none of this. The released one is <c>kind: resnet34</c> with
/// <c>iterations: 3910, batch-size: 128, rate: 1e-4</c> (10 epochs of CIFAR-10) on ImageNet's weights.
/// </summary>
public sealed record ClassifierSettings
{
    public ClassifierKind Kind { get; init; } = ClassifierKind.Small;

    /// <summary>
    /// resnet34: file to start from, torchvision's <c>.pth</c> or safetensors. With a head for these classes it is taken as it is, not trained.
    /// Null starts from random weights.
    /// </summary>
    public string? Weights { get; init; }

    /// <summary>k of the top-k accuracy that is measured beside the top-1.</summary>
    public int TopK { get; init; } = 3;

    /// <summary>small: width of each level.</summary>
    public IReadOnlyList<int> Widths { get; init; } = [32, 64];
    public int Blocks { get; init; } = 1;
    public int Iterations { get; init; } = 600;
    public int BatchSize { get; init; } = 128;

    /// <summary>Peak lr; of resnet34 the head's, its body has a tenth.</summary>
    public double Rate { get; init; } = 2e-3;

    /// <summary>small: random translation, pixels.</summary>
    public int Shift { get; init; } = 1;
}

/// <summary>Which sampler.</summary>
public enum SamplerKind
{
    Ddim,
    Ddpm,
}

/// <summary>How evaluation images are generated.</summary>
public sealed record SamplingSettings
{
    public SamplerKind Sampler { get; init; } = SamplerKind.Ddim;
    public int Steps { get; init; } = 1000;

    /// <summary>DDIM's η.</summary>
    public double Eta { get; init; } = 1;

    /// <summary>DDPM's σ².</summary>
    public ReverseVariance Variance { get; init; } = ReverseVariance.Small;

    /// <summary>Clamp x̂₀ to [−1, 1].</summary>
    public bool ClipClean { get; init; }

    /// <summary>w of ε̂ = (1+w)·ε_c − w·ε_∅.</summary>
    public double GuidanceWeight { get; init; } = 2;

    public int BatchSize { get; init; } = 250;
}

/// <summary>Which weights of the pre-trained model unlearning starts from.</summary>
public enum StartWeights
{
    /// <summary>θ itself, as the released baselines do.</summary>
    Raw,

    /// <summary>Its moving average.</summary>
    Ema,
}

/// <summary>What is unlearned, and by which methods.</summary>
public sealed record UnlearnSettings
{
    /// <summary>Name or index of the class.</summary>
    public string Class { get; init; } = "0";

    /// <summary>next (the class after it), or names or indices of the alternative classes.</summary>
    public IReadOnlyList<string> Alternative { get; init; } = ["next"];

    public StartWeights Start { get; init; } = StartWeights.Raw;
    public IReadOnlyList<MethodSettings> Methods { get; init; } = [];
}

/// <summary>DiMRA.</summary>
public sealed record AttackSettings
{
    /// <summary>retain-set (i), test-split (ii-a), synthesised (ii-b).</summary>
    public IReadOnlyList<Assumption> Assumptions { get; init; } = [Assumption.RetainSet, Assumption.TestSplit];

    /// <summary>Names of the attacked methods; empty attacks all.</summary>
    public IReadOnlyList<string> Methods { get; init; } = [];
    public int Iterations { get; init; } = 60_000;
    public int BatchSize { get; init; } = 128;
    public double Rate { get; init; } = 1e-4;
    public double Clip { get; init; } = 1;

    /// <summary>Iterations at which AR_a is measured; the last one always is.</summary>
    public IReadOnlyList<int> EvaluateAt { get; init; } = [];

    /// <summary>Synthesised images of assumption (ii-b); 0 makes as many as the retain set has.</summary>
    public int SyntheticImages { get; init; }
    public int CheckpointEvery { get; init; } = 5000;
}

/// <summary>How many images each number rests on.</summary>
public sealed record EvaluateSettings
{
    /// <summary>Images of the unlearned class for AR_u and AR_a.</summary>
    public int Images { get; init; } = 1000;

    /// <summary>Images over the retained classes, for accuracy and the Fréchet distance.</summary>
    public int RetainedImages { get; init; } = 1000;

    /// <summary>Iterations during unlearning at which everything is measured, as shares of the whole; the end always is.</summary>
    public IReadOnlyList<double> UnlearnAt { get; init; } = [0.25, 0.5];

    /// <summary>Images a class in sample grids.</summary>
    public int GridColumns { get; init; } = 8;
}
