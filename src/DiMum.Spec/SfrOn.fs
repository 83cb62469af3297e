/// SFR-on (Huang et al. 2024; K1nght/Unified-Unlearning-w-Remain-Geometry @ 36bb7f6): adaptive ascent, Eq. (5), taken as
/// two optimiser steps, one on the unlearning term inside a Fisher mask and one on the retain term.
module DiMum.Spec.SfrOn

open System

/// wᵢ = B · kᵢ / Σⱼ kⱼ,  kᵢ = 1 / (ℓᵢ^λ + 1e-8), of the B per-image losses; constants to the gradient
let weights lambda (losses: float[]) =
    let k = losses |> Array.map (fun loss -> 1.0 / (loss ** lambda + 1e-8))
    k |> Array.map (fun ki -> float k.Length * ki / Array.sum k)

/// L_ada = (1/B) Σᵢ wᵢ ℓᵢ
let adaptive (weights: float[]) (losses: float[]) = Array.map2 (*) weights losses |> Array.average

/// α_t = α · (1 + cos(π · step / steps)) / 2, steps counted from 0
let cosine alpha step steps = alpha * (1.0 + cos (Math.PI * float step / float steps)) / 2.0

/// F = (1/B) Σ_b (∇L_b)², the gradients of whole batches
let fisher (gradients: float[] list) =
    gradients |> List.map (Array.map (fun g -> g * g / float gradients.Length)) |> Vector.sum

/// mᵢ = 1 where (F_u + 1e-15) / (F_r + 1e-15) ≥ γ: a ratio test for each entry, no ranking
let mask gamma (forgetFisher: float[]) (retainFisher: float[]) =
    Array.map2 (fun u r -> (u + 1e-15) / (r + 1e-15) >= gamma) forgetFisher retainFisher

/// What the optimiser sees in the unlearning step: masked first, clipped afterwards.
let transform maximumNorm mask gradient = gradient |> Vector.keep mask |> Clip.toNorm maximumNorm
