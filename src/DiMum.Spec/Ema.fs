/// Exponential moving average of the parameters, without warm-up correction.
module DiMum.Spec.Ema

/// θ̄ ← μ · θ̄ + (1−μ) · θ
let update rate (shadow: float[]) (theta: float[]) = Array.map2 (fun s p -> rate * s + (1.0 - rate) * p) shadow theta
