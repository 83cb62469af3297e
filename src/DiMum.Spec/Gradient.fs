/// Gradients of the specification, by central differences: slow, and independent of any rule of differentiation.
module DiMum.Spec.Gradient

/// ∂f/∂θᵢ ≈ (f(θ + hᵢeᵢ) − f(θ − hᵢeᵢ)) / 2hᵢ,  hᵢ = 1e-5 · max(1, |θᵢ|)
let central (f: float[] -> float) (theta: float[]) =
    Array.init theta.Length (fun i ->
        let h = 1e-5 * max 1.0 (abs theta[i])
        let along delta = f (Array.mapi (fun k p -> if k = i then p + delta else p) theta)
        (along h - along -h) / (2.0 * h))
