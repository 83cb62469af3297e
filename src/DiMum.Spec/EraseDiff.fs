/// EraseDiff (Wu et al. 2024; JingWu321/EraseDiff @ 14f4e98): a bilevel reading of Eq. (6).
module DiMum.Spec.EraseDiff

/// L = L_r + λ · (L_f − L̄_f), L̄_f a constant: the inner loop's average loss
let objective (lambda: float) retainLoss forgetLoss innerAverage = retainLoss + lambda * (forgetLoss - innerAverage)

/// λ = max(0, η − cos(g_r, g_q)), the adaptive variant
let adaptiveLambda eta (retainGradient: float[]) (forgetGradient: float[]) =
    let cosine = Vector.dot retainGradient forgetGradient / (Vector.norm retainGradient * Vector.norm forgetGradient)
    max 0.0 (eta - cosine)

/// K passes of Adam on the forget loss, from θ. Returned are L̄_f, the average loss of the last pass weighted by batch size, and the
/// optimiser's state, whose moments survive. The moved θ is dropped: that is the restore.
let inner passes settings (lossAndGradient: 'batch -> float[] -> float * float[]) (size: 'batch -> int) theta state (batches: 'batch list) =
    let visit (theta, state, losses) batch =
        let loss, gradient = lossAndGradient batch theta
        let theta, state = Adam.step settings state theta gradient
        theta, state, (float (size batch), loss) :: losses

    let pass (theta, state, _) = List.fold visit (theta, state, []) batches
    let _, state, losses = List.fold (fun progress _ -> pass progress) (theta, state, []) [ 1..passes ]
    List.sumBy (fun (n, loss) -> n * loss) losses / List.sumBy fst losses, state
