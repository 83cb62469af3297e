/// Plain arithmetic on float64 vectors. An image, a parameter vector and a gradient are all flat arrays here.
module DiMum.Spec.Vector

/// ⟨a, b⟩ = Σᵢ aᵢ bᵢ
let dot (a: float[]) (b: float[]) = Array.map2 (*) a b |> Array.sum

/// ‖a‖ = √⟨a, a⟩
let norm (a: float[]) = sqrt (dot a a)

let add (a: float[]) (b: float[]) = Array.map2 (+) a b

let subtract (a: float[]) (b: float[]) = Array.map2 (-) a b

let scale (k: float) (a: float[]) = Array.map (fun x -> k * x) a

/// m ⊙ a: entries outside the mask become zero.
let keep (mask: bool[]) (a: float[]) = Array.map2 (fun inside x -> if inside then x else 0.0) mask a

/// Σₖ vₖ of one or more vectors of equal length.
let sum (vectors: float[] list) = List.reduce add vectors
