/// Algorithm 1 (DiMUM) and the attack (DiMRA): the same loop on different losses.
module DiMum.Spec.Algorithm

type Settings = { Adam: Adam.Settings; MaximumNorm: float }

/// For each batch: gradient, clip, one Adam step. A fresh optimiser; returned is the final θ.
let descend settings (loss: 'batch -> float[] -> float) (theta: float[]) (batches: 'batch list) =
    let once (theta, state) batch =
        Gradient.central (loss batch) theta
        |> Clip.toNorm settings.MaximumNorm
        |> Adam.step settings.Adam state theta

    List.fold once (theta, Adam.start theta.Length) batches |> fst

/// Algorithm 1: from the pre-trained θ, each step one batch of D_r and one of D_m, Eq. (11), one optimiser step.
let dimum settings reduction balance table (net: float[] -> Loss.Denoiser<'c>) theta (batches: Loss.Both<Loss.Draw<'c>[]> list) =
    descend settings (fun draws theta -> Loss.dimum reduction balance table (net theta) draws) theta batches

/// DiMRA, Eq. (7): from the unlearned θ, the plain ε-loss on D_a.
let dimra settings reduction table (net: float[] -> Loss.Denoiser<'c>) theta (batches: Loss.Draw<'c>[] list) =
    descend settings (fun draws theta -> Loss.eps reduction table (net theta) draws) theta batches
