/// A labelled mixture of isotropic Gaussians, x₀ | k ~ N(μ_k, σ²I), k ~ w: data whose best denoiser and whose least loss are known in
/// closed form, so that convergence (IV-B of the paper) can be measured against the truth.
module DiMum.Spec.Mixture

type Mixture =
    { Means: float[][] // [K][d]
      Sigma: float
      Weights: float[] } // [K], sum 1

/// x_t | k ~ N(√ᾱ_t μ_k, s_t² I),  s_t² = ᾱ_t σ² + 1 − ᾱ_t
let variance (table: Schedule.Table) mixture t =
    let alphaBar = Schedule.alphaBar table t
    alphaBar * mixture.Sigma * mixture.Sigma + 1.0 - alphaBar

let private fromMean (table: Schedule.Table) mixture t k x =
    Vector.subtract x (Vector.scale (sqrt (Schedule.alphaBar table t)) mixture.Means[k])

/// ε*(x, t, k) = E[ε | x_t = x, k] = √(1−ᾱ_t) / s_t² · (x − √ᾱ_t μ_k)
let ofComponent (table: Schedule.Table) mixture t k x =
    let noise = sqrt (1.0 - Schedule.alphaBar table t)
    Vector.scale (noise / variance table mixture t) (fromMean table mixture t k x)

/// p(k | x_t = x) ∝ w_k exp(−‖x − √ᾱ_t μ_k‖² / 2s_t²)
let posterior (table: Schedule.Table) mixture t x =
    let exponent k =
        let away = fromMean table mixture t k x
        log mixture.Weights[k] - Vector.dot away away / (2.0 * variance table mixture t)

    let exponents = Array.init mixture.Weights.Length exponent
    let most = Array.max exponents
    let weights = exponents |> Array.map (fun e -> exp (e - most))
    Array.map (fun w -> w / Array.sum weights) weights

/// ε* under a class k, or under ∅ (None), where it is Σ_k p(k | x_t) ε*(x, t, k): what minimises Eq. (4).
let optimal (table: Schedule.Table) mixture : Loss.Denoiser<int option> =
    fun x t condition ->
        match condition with
        | Some k -> ofComponent table mixture t k x
        | None ->
            posterior table mixture t x
            |> Array.mapi (fun k p -> Vector.scale p (ofComponent table mixture t k x))
            |> List.ofArray
            |> Vector.sum

/// The least value of Eq. (4) at time t under a class, E ‖ε − ε*‖² = d · ᾱ_t σ² / s_t²: what x_t leaves unsaid about ε.
let floor (table: Schedule.Table) mixture t =
    let alphaBar = Schedule.alphaBar table t

    float mixture.Means[0].Length * alphaBar * mixture.Sigma * mixture.Sigma / variance table mixture t

/// The same under ∅, given x_t = x:  floor + Σ_k p(k | x) ‖ε*(x, t, k) − ε*(x, t, ∅)‖². Its mean over x_t has no closed form.
let floorAt (table: Schedule.Table) mixture t x =
    let mean = optimal table mixture x t None

    let between =
        posterior table mixture t x
        |> Array.mapi (fun k p ->
            let away = Vector.subtract (ofComponent table mixture t k x) mean
            p * Vector.dot away away)

    floor table mixture t + Array.sum between
