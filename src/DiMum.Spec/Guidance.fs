/// Classifier-free guidance.
module DiMum.Spec.Guidance

/// Two conventions for one family: Scale s = Weight (s − 1). Weight 0 and Scale 1 are the plain conditional prediction.
type Strength =
    | Weight of w: float
    | Scale of s: float

/// Eq. (2):  Weight w:  ε̂ = (1+w) · ε_θ(x_t, t, c) − w · ε_θ(x_t, t, ∅)
///           Scale s:   ε̂ = ε_θ(x_t, t, ∅) + s · (ε_θ(x_t, t, c) − ε_θ(x_t, t, ∅))
let combine strength (conditional: float[]) (unconditional: float[]) =
    match strength with
    | Weight w -> Array.map2 (fun c u -> (1.0 + w) * c - w * u) conditional unconditional
    | Scale s -> Array.map2 (fun c u -> u + s * (c - u)) conditional unconditional
