/// Noise schedules: β_t, α_t = 1 − β_t, ᾱ_t = ∏_{s≤t} α_s for t = 0..T−1 (the paper counts from 1).
module DiMum.Spec.Schedule

open System

type Table =
    { Beta: float[] // [T]
      Alpha: float[] // [T]
      AlphaBar: float[] } // [T]

/// σ_t of Eq. (3), which the text calls pre-defined: the posterior variance, or β_t itself.
type Sigma =
    | Small
    | Large

/// n values from first to last, both included; n ≥ 2.
let private evenly (first: float) (last: float) n =
    Array.init n (fun i -> first + (last - first) * (float i / float (n - 1)))

/// α_t = 1 − β_t,  ᾱ_t = ∏_{s≤t} α_s
let ofBetas (beta: float[]) =
    let alpha = Array.map (fun b -> 1.0 - b) beta

    { Beta = beta
      Alpha = alpha
      AlphaBar = alpha |> Array.scan (*) 1.0 |> Array.tail }

/// β_t even from first to last (DDPM: 1e-4 to 2e-2 in 1000 steps).
let linear first last steps = ofBetas (evenly first last steps)

/// √β_t even from √first to √last: Stable Diffusion's (8.5e-4 to 1.2e-2). CompVis says "linear", DDIM's code says "quad".
let scaledLinear first last steps =
    evenly (sqrt first) (sqrt last) steps |> Array.map (fun root -> root * root) |> ofBetas

/// β_t = min(0.999, 1 − f((t+1)/T) / f(t/T)),  f(u) = cos²(π/2 · (u + 0.008)/1.008)   (Nichol & Dhariwal 2021)
let cosine steps =
    let f u = Math.Cos(Math.PI / 2.0 * (u + 0.008) / 1.008) ** 2.0

    Array.init steps (fun t -> min 0.999 (1.0 - f (float (t + 1) / float steps) / f (float t / float steps)))
    |> ofBetas

/// β_t = β
let constant beta steps = ofBetas (Array.create steps beta)

/// β_t = 1/(T − t): ᾱ falls evenly to 0, so the last ᾱ is zero, not positive.
let jsd steps = ofBetas (Array.init steps (fun t -> 1.0 / float (steps - t)))

/// β_t = first + (last − first) / (1 + e^{−u}), u even from −6 to 6
let sigmoid first last steps =
    evenly -6.0 6.0 steps |> Array.map (fun u -> first + (last - first) / (1.0 + exp -u)) |> ofBetas

/// ᾱ_t, with ᾱ_{−1} = 1: before the first step nothing is noise.
let alphaBar (table: Table) t = if t < 0 then 1.0 else table.AlphaBar[t]

/// SNR_t = ᾱ_t / (1 − ᾱ_t)
let signalToNoise (table: Table) t = alphaBar table t / (1.0 - alphaBar table t)

/// σ_t² = β̃_t = (1−ᾱ_{t−1})/(1−ᾱ_t) · β_t (Small)  or  β_t (Large)
let variance sigma (table: Table) t =
    match sigma with
    | Small -> (1.0 - alphaBar table (t - 1)) / (1.0 - alphaBar table t) * table.Beta[t]
    | Large -> table.Beta[t]
