/// Inception Score (Salimans et al. 2016).
module DiMum.Spec.InceptionScore

/// p(y|x) of a row of logits
let softmax (logits: float[]) =
    let powers = logits |> Array.map (fun v -> exp (v - Array.max logits))
    powers |> Array.map (fun e -> e / Array.sum powers)

/// IS = exp( (1/n) Σᵢ KL( p(y|xᵢ) ‖ p̄(y) ) ),  p̄ = (1/n) Σᵢ p(y|xᵢ)
let score (logits: float[][]) =
    let rows = logits |> Array.map softmax
    let mean = Array.init logits[0].Length (fun j -> rows |> Array.averageBy (fun p -> p[j]))

    let divergence p =
        Array.map2 (fun a b -> if a > 0.0 then a * log (a / b) else 0.0) p mean |> Array.sum

    exp (rows |> Array.averageBy divergence)
