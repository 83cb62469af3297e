namespace DiMum.Studies.Traps;

/// <summary>The traps, in the order of their numbers. SU = Unlearn-Saliency, SF = Unified-Unlearning-w-Remain-Geometry, UC = UnlearnCanvas.</summary>
internal static class KnownTraps
{
    private const string Su = "Unlearn-Saliency@a6e89fd";
    private const string Sf = "Unified-Unlearning-w-Remain-Geometry@36bb7f6";
    private const string Uc = "UnlearnCanvas@920cfd1";

    public static IReadOnlyList<Trap> All { get; } =
    [
        new(
            "T1",
            "SalUn's relabel term is a mean over all elements, its retain term a sum over C, H, W",
            $"{Su} DDPM/runners/diffusion.py, functions/losses.py",
            "salun_steps_nomask",
            GradientTraps.Reductions
        ),
        new(
            "T2",
            "SalUn clips and then masks, SFR-on masks and then clips",
            $"{Su} and {Sf} DDPM/runners/diffusion.py",
            "salun_steps_mask, sfron_steps_mask",
            GradientTraps.ClipAndMask
        ),
        new(
            "T3",
            "the joint method of SFR-on's program masks the old gradient, zeroes it and goes backward: no mask",
            $"{Sf} DDPM/runners/diffusion.py",
            "",
            GradientTraps.MaskOnOldGradient
        ),
        new(
            "T4",
            "the benchmark's SalUn looks for a name in a list of tensors: its mask is never applied",
            $"{Uc} mu_saliency_unlearn_salun/train-erase.py",
            "uc_salun_steps",
            GradientTraps.NameAgainstTensors
        ),
        new(
            "T5",
            "the benchmark's SalUn mask selects the smallest gradients, and the optimiser steps while it is made",
            $"{Uc} mu_saliency_unlearn_salun/generate_mask.py",
            "uc_salun_mask",
            GradientTraps.SmallestGradients
        ),
        new(
            "T6",
            "the benchmark's loaders are not shuffled and are opened anew at every step: the first batch for ever",
            $"{Uc} mu_*/dataset.py",
            "uc_salun_steps, uc_ediff_steps, uc_shs_steps",
            LoopTraps.FirstBatchForEver
        ),
        new(
            "T7",
            "the benchmark's Scissorhands loops over p and tests the stale variable param when it collects gradients",
            $"{Uc} mu_scissorhands_shs/train-erase.py",
            "uc_shs_steps_project",
            LoopTraps.StaleVariable
        ),
        new(
            "T8",
            "α multiplies the retain term in SalUn, the forget term in Scissorhands and EraseDiff",
            $"{Su}, {Uc} train-erase.py",
            "salun_steps_nomask, uc_shs_steps, uc_ediff_steps",
            GradientTraps.ThreeAlphas
        ),
        new(
            "T9",
            "EraseDiff restores the weights after its inner loop, and not the moments of the Adam that it shares",
            $"EraseDiff@14f4e98 ddpm/runners/diffusion.py, {Uc} mu_erase_diff_ediff/train-erase.py",
            "erasediff_steps, uc_ediff_steps",
            LoopTraps.SharedMoments
        ),
        new(
            "T10",
            "masks and Fisher weights come from guided, clipped batch-mean gradients: they depend on the batch size",
            $"{Su} and {Sf} DDPM/runners/diffusion.py",
            "salun_mask, sfron_fisher",
            GradientTraps.FisherOfBatches
        ),
        new(
            "T11",
            "SFR-on's ratio with 1e-15 above and below selects weights that have no gradient at all",
            $"{Sf} DDPM/generate_fisher_mask.py",
            "sfron_fisher",
            GradientTraps.NoGradientIsSelected
        ),
        new(
            "T12",
            "SFR-on's moving average at rate 0.0001 is the weights themselves",
            $"{Sf} DDPM/configs/cifar10_sfron.yml",
            "ema_clip",
            LoopTraps.AverageOfNothing
        ),
        new(
            "T13",
            "load_ema_model builds the averaged copy and returns the plain one",
            $"{Su} and {Sf} DDPM/runners/diffusion.py",
            "",
            LoopTraps.AverageIsNotGiven
        ),
        new(
            "T14",
            "the sampler that runs is DDIM with η = 1 and 1000 steps, which is ancestral sampling with the small variance, not the configured one",
            $"{Su} and {Sf} DDPM/functions/denoising.py",
            "diffusion_ops",
            SamplingTraps.EtaOne
        ),
        new(
            "T15",
            "guidance is (1+w)·ε_c − w·ε_∅ with a learned null vector",
            $"{Su} and {Sf} DDPM/models/diffusion.py",
            "cfg_combination",
            SamplingTraps.WeightIsNotScale
        ),
        new(
            "T16",
            "every image is stretched to its own range before it is saved and measured",
            $"{Su} and {Sf} DDPM/runners/diffusion.py, save_base_dataset.py",
            "image_export",
            MeasuringTraps.Stretching
        ),
        new(
            "T17",
            "the reference of FID is the first 500 images of each class, against 45,000 samples",
            $"{Su} and {Sf} DDPM/save_base_dataset.py",
            "",
            MeasuringTraps.FewReferences
        ),
        new("T18", "images are read as BGR into a network made for RGB", $"{Su} and {Sf} DDPM/evaluator.py", "", MeasuringTraps.Channels),
        new(
            "T19",
            "the benchmark's FID is on other features than FID's (another network, resized twice)",
            $"{Uc} evaluation/quantitative/fid.py",
            "",
            MeasuringTraps.Features
        ),
        new(
            "T20",
            "the benchmark's accuracy is top-1 where the paper counts top-3",
            $"{Uc} evaluation/quantitative/accuracy.py; arXiv 2512.03564",
            "",
            MeasuringTraps.TopThree
        ),
        new(
            "T21",
            "ESD's new program writes the target from ε_c, where its 2 is the paper's η = 1",
            "erasing@25613d2 esd_sd.py",
            "",
            SamplingTraps.TwoForms
        ),
        new(
            "T22",
            "the relabelled target is the current network's, not a frozen one's",
            $"concept-ablation@c11fb1b src/model.py, {Su} DDPM/runners/diffusion.py",
            "salun_steps_nomask",
            LoopTraps.CurrentTarget
        ),
        new(
            "T23",
            "the network has GroupNorm eps 1e-6, lopsided padding where it shrinks, and mirrored times",
            $"{Su} DDPM/models/diffusion.py",
            "unet_forward_cifar, train_steps",
            SamplingTraps.NetworkDetails
        ),
    ];
}
