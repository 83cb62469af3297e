/// SalUn (Fan et al. 2024; OPTML-Group/Unlearn-Saliency @ a6e89fd): relabelling, Eq. (6), inside a saliency mask.
module DiMum.Spec.SalUn

/// s = |Σ_b ∇L_b|: the absolute value is taken after the sum
let saliency (gradients: float[] list) = Vector.sum gradients |> Array.map abs

/// The ⌊ratio·N⌋ entries of largest saliency over all parameters together; of equal ones the lower flat index wins.
let mask ratio (saliency: float[]) =
    let count = int (ratio * float saliency.Length)

    let chosen =
        saliency
        |> Array.indexed
        |> Array.sortBy (fun (i, s) -> -s, i)
        |> Array.truncate count
        |> Array.map fst
        |> Set

    Array.init saliency.Length chosen.Contains

/// What the optimiser sees: clipped first, masked afterwards.
let transform maximumNorm mask gradient = gradient |> Clip.toNorm maximumNorm |> Vector.keep mask

/// As released on CIFAR-10: the relabel term is a mean over all elements, the retain term a sum over each image.
let reduction: Loss.Both<Loss.Reduction> = { Retain = Loss.SumPerImage; Unlearning = Loss.MeanAll }

/// As released on CIFAR-10: α weighs the retain term.
let balance alpha : Loss.Balance = { Retain = alpha; Unlearning = 1.0 }
