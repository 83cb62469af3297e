/// The forward process.
module DiMum.Spec.Forward

/// Eq. (1):  x_t = √ᾱ_t · x₀ + √(1−ᾱ_t) · ε
let noised (table: Schedule.Table) t (clean: float[]) (noise: float[]) =
    let alphaBar = table.AlphaBar[t]
    Array.map2 (fun x0 eps -> sqrt alphaBar * x0 + sqrt (1.0 - alphaBar) * eps) clean noise

/// The one-step kernel whose T-fold composition Eq. (1) jumps over:  x_t = √α_t · x_{t−1} + √β_t · z
let oneStep (table: Schedule.Table) t (previous: float[]) (noise: float[]) =
    Array.map2 (fun x z -> sqrt table.Alpha[t] * x + sqrt table.Beta[t] * z) previous noise
