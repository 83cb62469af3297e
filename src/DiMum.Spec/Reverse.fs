/// The reverse process: ancestral sampling (DDPM) and DDIM, step by step and over a respaced subsequence of times.
module DiMum.Spec.Reverse

/// Whether the predicted x₀ is clipped on the way.
type Range =
    | Unbounded
    | Within of bound: float

/// Eq. (3):  x_{t−1} = (1/√α_t) · (x_t − (1−α_t)/√(1−ᾱ_t) · ε̂) + σ_t · z,   z = 0 at the last step (t = 0)
let step sigma (table: Schedule.Table) t (noisy: float[]) (predicted: float[]) (z: float[]) =
    let alpha, alphaBar = table.Alpha[t], table.AlphaBar[t]
    let std = if t = 0 then 0.0 else sqrt (Schedule.variance sigma table t)

    Array.map3 (fun x eps z -> (x - (1.0 - alpha) / sqrt (1.0 - alphaBar) * eps) / sqrt alpha + std * z) noisy predicted z

/// Eq. (1) solved for x₀:  x̂₀ = (x_t − √(1−ᾱ_t) · ε̂) / √ᾱ_t, then clipped to the range
let predictX0 range (table: Schedule.Table) t (noisy: float[]) (predicted: float[]) =
    let alphaBar = table.AlphaBar[t]

    let clip =
        match range with
        | Unbounded -> id
        | Within bound -> max -bound >> min bound

    Array.map2 (fun x eps -> clip ((x - sqrt (1.0 - alphaBar) * eps) / sqrt alphaBar)) noisy predicted

/// The ancestral step i → j of a respaced process, j < i, j = −1 the clean image. Here α = ᾱ_i/ᾱ_j and β = 1 − α:
///   x_j = √ᾱ_j·β/(1−ᾱ_i) · x̂₀ + √α·(1−ᾱ_j)/(1−ᾱ_i) · x_i + σ · z
///   σ² = (1−ᾱ_j)/(1−ᾱ_i) · β (Small)  or  β (Large);  z = 0 at the last step
/// With j = i − 1 and no clipping this is Eq. (3).
let ancestral sigma range (table: Schedule.Table) i j (noisy: float[]) (predicted: float[]) (z: float[]) =
    let barI, barJ = Schedule.alphaBar table i, Schedule.alphaBar table j
    let alpha = barI / barJ
    let beta = 1.0 - alpha

    let variance =
        match sigma with
        | _ when j < 0 -> 0.0
        | Schedule.Small -> (1.0 - barJ) / (1.0 - barI) * beta
        | Schedule.Large -> beta

    Array.map3
        (fun x0 x z ->
            sqrt barJ * beta / (1.0 - barI) * x0
            + sqrt alpha * (1.0 - barJ) / (1.0 - barI) * x
            + sqrt variance * z)
        (predictX0 range table i noisy predicted)
        noisy
        z

/// The DDIM step i → j (Song et al. 2020), j = −1 the clean image:
///   c₁ = η · √((1 − ᾱ_i/ᾱ_j)·(1−ᾱ_j)/(1−ᾱ_i)),  c₂ = √(1 − ᾱ_j − c₁²)
///   x_j = √ᾱ_j · x̂₀ + c₁ · z + c₂ · ε̂          (ε̂ is not recomputed when x̂₀ is clipped)
let ddim eta range (table: Schedule.Table) i j (noisy: float[]) (predicted: float[]) (z: float[]) =
    let barI, barJ = Schedule.alphaBar table i, Schedule.alphaBar table j
    let c1 = eta * sqrt ((1.0 - barI / barJ) * (1.0 - barJ) / (1.0 - barI))
    let c2 = sqrt (max 0.0 (1.0 - barJ - c1 * c1)) // exactly zero at eta = 1, j = −1; rounding must not make it NaN

    Array.map3 (fun x0 z eps -> sqrt barJ * x0 + c1 * z + c2 * eps) (predictX0 range table i noisy predicted) z predicted

/// 0, k, 2k, … below T with k = ⌊T/count⌋, largest first. (May be longer than count: T = 1000, count = 7 gives 8.)
let uniformTimes steps count = [ 0 .. steps / count .. steps - 1 ] |> List.rev

/// ⌊u²⌋ for count values u even from 0 to √(0.8·T), largest first
let quadraticTimes steps count =
    [ for k in 0 .. count - 1 -> int ((sqrt (0.8 * float steps) * (float k / float (count - 1))) ** 2.0) ]
    |> List.rev

/// (i, j) pairs of the times in order; the last one goes to `final` (−1: the clean image).
let transitions final (times: int list) = List.pairwise (times @ [ final ])

/// A whole trajectory: `move` is a step above with its conventions fixed; one noise per transition.
let sample move (denoiser: float[] -> int -> float[]) (noises: float[] list) (transitions: (int * int) list) (start: float[]) =
    List.fold2 (fun x (i, j) z -> move i j x (denoiser x i) z) start transitions noises
