/// Adam (Kingma & Ba 2015) with L2 weight decay added to the gradient, as the baselines use it, and AdamW.
module DiMum.Spec.Adam

type Settings =
    { LearningRate: float
      Beta1: float
      Beta2: float
      Epsilon: float
      WeightDecay: float }

type State =
    { Step: int
      First: float[] // m
      Second: float[] } // v

/// β₁ = 0.9, β₂ = 0.999, ε = 1e-8, no decay
let standard learningRate =
    { LearningRate = learningRate
      Beta1 = 0.9
      Beta2 = 0.999
      Epsilon = 1e-8
      WeightDecay = 0.0 }

let start size =
    { Step = 0
      First = Array.zeroCreate size
      Second = Array.zeroCreate size }

/// g ← g + wd·θ;  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²
/// θ ← θ − lr · m/(1−β₁ᵏ) / (√v/√(1−β₂ᵏ) + ε)      at the k-th step, k = 1, 2, …
let step settings (state: State) (theta: float[]) (gradient: float[]) =
    let k = state.Step + 1
    let decayed = Array.map2 (fun g p -> g + settings.WeightDecay * p) gradient theta
    let first = Array.map2 (fun m g -> settings.Beta1 * m + (1.0 - settings.Beta1) * g) state.First decayed
    let second = Array.map2 (fun v g -> settings.Beta2 * v + (1.0 - settings.Beta2) * g * g) state.Second decayed
    let correction1 = 1.0 - pown settings.Beta1 k
    let correction2 = 1.0 - pown settings.Beta2 k

    let moved =
        Array.map3
            (fun p m v -> p - settings.LearningRate * (m / correction1) / (sqrt v / sqrt correction2 + settings.Epsilon))
            theta
            first
            second

    moved, { Step = k; First = first; Second = second }

/// AdamW (Loshchilov & Hutter 2019): θ ← (1 − lr·λ)·θ where a weight decays, then the step above, down the gradient taken before
let decoupled lambda settings state (decays: bool[]) (theta: float[]) gradient =
    let shrunk = Array.map2 (fun decays p -> if decays then (1.0 - settings.LearningRate * lambda) * p else p) decays theta

    step settings state shrunk gradient
