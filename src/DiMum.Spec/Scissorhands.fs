/// Scissorhands (Wu & Harandi 2024; JingWu321/Scissorhands @ 73ae065): trim by SNIP, then repair under a gradient projection.
module DiMum.Spec.Scissorhands

/// s = |(Σ_b |∇L_b|) ⊙ θ|, the SNIP saliency
let saliency (gradients: float[] list) (theta: float[]) =
    Array.map2 (fun g p -> abs (g * p)) (gradients |> List.map (Array.map abs) |> Vector.sum) theta

/// mᵢ = 1 where sᵢ exceeds the k-th smallest saliency, k = ⌊sparsity·N⌋ ≥ 1
let mask sparsity (saliency: float[]) =
    let threshold = (Array.sort saliency)[int (sparsity * float saliency.Length) - 1]
    saliency |> Array.map (fun s -> s > threshold)

/// θ ← θ ⊙ (1 − m) + θ_new ⊙ m
let reinitialise (mask: bool[]) (fresh: float[]) (theta: float[]) =
    Array.map3 (fun marked f p -> if marked then f else p) mask fresh theta

/// GEM with one reference gradient M (of −L_f): if ⟨g, M⟩ < 0 then g ← g + vM, where v solves
///   min_v ½ P v² + ⟨M, g⟩ v  subject to v ≥ ½,  P = ‖M‖² + 1e-3,   so   v = max(½, −⟨M, g⟩ / P)
let project (reference: float[]) (gradient: float[]) =
    let inner = Vector.dot reference gradient

    if inner >= 0.0 then
        gradient
    else
        let v = max 0.5 (-inner / (Vector.dot reference reference + 1e-3))
        Vector.add gradient (Vector.scale v reference)
