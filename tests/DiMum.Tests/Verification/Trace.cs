namespace DiMum.Tests.Verification;

/// <summary>One item of the paper on its way through the repository. Space-separated lists; «–reason» where there is deliberately nothing.</summary>
/// <param name="Item">Equation, algorithm, table or figure.</param>
/// <param name="Spec"><c>Module.function</c> of src/DiMum.Spec.</param>
/// <param name="Library">Files under src/DiMum.</param>
/// <param name="Laws">Ids.</param>
/// <param name="Goldens">Beginnings of golden files' names.</param>
/// <param name="Mutants">Traps.</param>
internal sealed record Trace(string Item, string Spec, string Library, string Laws, string Goldens, string Mutants)
{
    private const string Report = "Runs/Report/";
    private const string NoSpec = "–measured, not computed";
    private const string NoGolden = "–the paper published no code";

    public static readonly IReadOnlyList<Trace> All =
    [
        new(
            "Eq. (1) forward process",
            "Forward.noised Schedule.linear",
            "Diffusion/ForwardProcess.cs Diffusion/NoiseSchedule.cs",
            "L1 L2 L3 L4 L5",
            "schedule diffusion_ops",
            "T23"
        ),
        new("Eq. (2) guidance", "Guidance.combine", "Diffusion/Guidance.cs", "L9", "diffusion_ops cfg_combination", "T15"),
        new(
            "Eq. (3) reverse step",
            "Reverse.step Reverse.ancestral Reverse.ddim Solver.multistep Solver.singlestep Solver.unipc Solver.linear Solver.heun Pndm.short Pndm.full",
            "Diffusion/Samplers/Sampler.cs Diffusion/Samplers/Solver.cs",
            "L6 L7 L8 L58 L59",
            "diffusion_ops",
            "T14"
        ),
        new(
            "Eq. (4) training",
            "Loss.eps Timesteps.complete Mixture.optimal Mixture.floor",
            "Diffusion/EpsilonLoss.cs Data/MixtureOptimum.cs",
            "L11 L12 L13 L17 L57",
            "loss_and_grads train_steps",
            "T1"
        ),
        new(
            "Eq. (5) ascent",
            "Loss.ascent SfrOn.adaptive",
            "Unlearning/Methods/GradientAscent.cs Unlearning/Methods/SfrOn.cs",
            "L13 L15 L16 L24",
            "ga_salun sfron_steps sfron_fisher sfron_adaptive_loss sfron_ga_mask",
            "T2b T10 T11"
        ),
        new(
            "Eq. (6) relabelling",
            "Loss.relabel SalUn.mask EraseDiff.objective Scissorhands.project Esd.target ConceptAblation.target",
            "Unlearning/Relabelling.cs Unlearning/Methods/SalUn.cs Unlearning/Methods/EraseDiff.cs Unlearning/Methods/Scissorhands.cs "
                + "Unlearning/Methods/Esd.cs Unlearning/Methods/ConceptAblation.cs",
            "L13 L14 L15 L23 L24 L26 L27 L28 L29",
            "salun_steps salun_mask erasediff_loss erasediff_steps uc_ediff_steps uc_salun_mask uc_salun_steps uc_shs_steps",
            "T1 T2a T3 T4 T5a T5b T7 T21 T22a T22b"
        ),
        new(
            "Eq. (7) DiMRA",
            "Loss.eps Algorithm.dimra Pairing.auxiliary",
            "Attacks/DiMRA.cs",
            "L7 L13 L20 L32",
            "train_steps",
            "–the loss is Eq. (4), its set is L20's"
        ),
        new(
            "Eq. (8) retain loss",
            "Loss.eps Pairing.retain",
            "Unlearning/Methods/RetainOnly.cs Unlearning/Methods/DiMum.cs",
            "L13 L15 L19",
            "dimum_steps",
            "T17"
        ),
        new("Eq. (9) memorization set", "Pairing.memorization", "Data/Pairing.cs", "L18 L21", "dimum_steps", "T6"),
        new("Eq. (10) unlearning loss", "Loss.eps Loss.dimum", "Unlearning/Methods/DiMum.cs", "L13 L15", "dimum_steps", "T8"),
        new("Eq. (11) DiMUM", "Loss.dimum", "Unlearning/Methods/DiMum.cs", "L13 L15", "dimum_steps", "T8"),
        new(
            "Algorithm 1",
            "Algorithm.dimum Adam.step Clip.toNorm Ema.update",
            "Unlearning/Methods/DiMum.cs Unlearning/Trainer.cs Optimization/Adam.cs Optimization/Ema.cs",
            "L32 L33 L34 L35 L44 L50",
            "dimum_steps adam ema_clip",
            "T9 T12 T13"
        ),
        new(
            "Table I",
            "Frechet.distance Rate.interval",
            "Metrics/AccuracyRate.cs Metrics/Frechet.cs Metrics/Inception/InceptionV3.cs " + Report + "PaperNumbers.cs",
            "L36 L37 L39 L42",
            "fid_frechet sd_inception image_export",
            "T16 T18 T19"
        ),
        new(
            "Beside Table I: KID, precision, recall, Inception Score",
            "Kid.distance PrecisionRecall.precision PrecisionRecall.recall InceptionScore.score",
            "Metrics/KernelDistance.cs Metrics/Manifold.cs Metrics/InceptionScore.cs",
            "L36 L37 L42",
            "fid_kid fid_precision_recall fid_inception_score",
            "–no trap of released code touches them"
        ),
        new(
            "Section VI-A: class-conditional U-Net",
            "–no equation of the paper; the authors' network stands in the golden files",
            "Nets/ClassConditionalUNet.cs Nets/UNetBlocks.cs Verification/ProceduralRule.cs",
            "L17 L54 L55",
            "unet_forward rule loss_and_grads",
            "T23"
        ),
        new(
            "Section VI-B: Stable Diffusion",
            "–no equation of the paper; diffusers and CompVis stand in the golden files",
            "StableDiffusion/UNet2DConditionModel.cs StableDiffusion/AutoencoderKL.cs StableDiffusion/ClipTextEncoder.cs StableDiffusion/ClipTokenizer.cs "
                + "Diffusion/Samplers/Solver.cs",
            "L54 L55",
            "sd_unet sd_vae sd_v15_manifest sd_rule_vectors clip_ sched_",
            "–its traps are those of the methods (Eq. 6) and of Table IV"
        ),
        new(
            "Tables II and III",
            "Rate.interval",
            "Metrics/AccuracyRate.cs " + Report + "PaperNumbers.cs",
            "L20 L39",
            "–a rate is a count; L39 has its interval",
            "T19"
        ),
        new(
            "Table IV",
            "Rate.interval Rate.hit",
            "Metrics/AccuracyRate.cs Runs/Subjects/CanvasSubject.cs " + Report + "StyleTables.cs " + Report + "PaperNumbers.cs",
            "L39",
            "–a rate is a count; L39 has its interval",
            "T20"
        ),
        new("Figure 2", NoSpec, Report + "Charts.cs", "–tested by tests/DiMum.Tests/Runs/ReportChartTests.cs", NoGolden, "–a picture"),
        new("Figures 3 and 4", NoSpec, Report + "Samples.cs Data/ImageWriter.cs", "L40 L41", "image_export", "T16 T18"),
        new(
            "Figures 5, 6 and 7",
            NoSpec,
            Report + "Charts.cs",
            "–tested by tests/DiMum.Tests/Runs/ReportChartTests.cs",
            NoGolden,
            "–a picture"
        ),
        new(
            "Figures 8 to 11",
            NoSpec,
            Report + "Charts.cs " + Report + "Samples.cs",
            "–tested by tests/DiMum.Tests/Runs/StyleReportTests.cs",
            NoGolden,
            "–a picture"
        ),
    ];

    /// <summary>L1–L49 of the starting list and what was added.</summary>
    public static readonly IReadOnlyList<(string Id, string Says)> LawList =
    [
        .. """
            L1 ᾱ falls strictly within (0, 1), schedules end at their values, times rise
            L2 the signal-to-noise ratio falls
            L3 mean and variance of q(x_t | x₀)
            L4 one-step kernels in a row are the jump
            L5 predicting x₀ undoes noising
            L6 DDIM with η = 0 does not look at noise; a network that knows x₀ is led to it
            L7 DDIM with η = 1 is ancestral sampling; the attack's loss is Eq. (7)
            L8 no noise at the last step
            L9 guidance: conventions agree, affine, conditional at w = 0
            L10 antithetic times
            L11 the ε-loss is zero for the true noise only
            L12 how reductions scale
            L13 Eqs. (4), (7), (8), (10) are one loss; every method's loss and gradient is its equation's
            L14 no gradient through targets
            L15 a term of weight 0 is not there
            L16 SFR-on's ascent, weights and decay
            L17 accumulation is the big batch; images do not mix
            L18 Eq. (9): images of D_r, conditions of D_u, independent
            L19 D_u and D_r are disjoint and together D
            L20 the attacker never holds the unlearned class
            L21 every image is drawn, every iteration reads its own batch
            L22 order depends on the seed alone
            L23 weights outside the mask keep their bits
            L24 masks, their density and their place beside clipping
            L25 preparing leaves the weights
            L26 inner loops restore
            L27 the projection is feasible
            L28 a frozen copy never changes
            L29 ESD's two forms
            L30 renaming classes renames everything
            L31 mirroring the data mirrors the batches
            L32 Adam is the specification's and PyTorch's
            L33 flat Adam is Adam
            L34 the moving average
            L35 clipping
            L36 axioms of the metrics; each is its specification and keeps its claims
            L37 distances do not see order
            L38 sFID's channels
            L39 rates and their exact interval
            L40 colour channels are kept
            L41 pixels there and back
            L42 unlike metrics do not compare
            L43 files give back what was written, or are refused
            L44 going on is not having stopped
            L45 same experiment, same key
            L46 experiments written and read
            L47 no tensor is left
            L48 no graph is left
            L49 README's map of equations names what exists
            L50 the trainer under any commands is the specification's
            L51 a method says its name, reading and source
            L52 as many updates as declared
            L53 the global generator decides nothing
            L54 a prediction has the image's shape, is finite, and its gradient is the central difference
            L55 a dropped condition is not seen
            L56 conditions drop and images mirror as often as declared
            L57 the best denoiser of a mixture, its least loss, and the library's
            L58 a solver that remembers is the specification's, whatever the network predicts and however its levels are placed
            L59 a solver is linear under a linear network, finite, and begins every run anew
            """.Split('\n').Select(line => line.Trim().Split(' ', 2)).Select(parts => (parts[0], parts[1])),
    ];

    /// <summary>Modules of the specification that no item of the paper names, with the reason.</summary>
    public static readonly IReadOnlyDictionary<string, string> Tools = new Dictionary<string, string>
    {
        ["Vector"] = "sums and products that the others are written in",
        ["Gradient"] = "central differences, which gradients are held against",
    };

    /// <summary>Laws of the starting list that nothing here carries as their id, with the reason.</summary>
    public static readonly IReadOnlyDictionary<string, string> Without = new Dictionary<string, string>
    {
        ["L38"] =
            "on drawn inputs it would need a second Inception-v3; the golden vectors (sd_inception) hold the 2023 features, place by place",
        ["L48"] = "part of L47's laws: every parameter is a leaf and no flat vector carries a graph after a step",
    };
}
