/// Kernel inception distance (Bińkowski et al. 2018).
module DiMum.Spec.Kid

/// k(x, y) = (⟨x, y⟩/d + 1)³
let kernel (x: float[]) (y: float[]) = pown (Vector.dot x y / float x.Length + 1.0) 3

/// The unbiased estimate:  MMD² = Σ_{i≠j} k(xᵢ,xⱼ)/m(m−1) + Σ_{i≠j} k(yᵢ,yⱼ)/n(n−1) − 2 Σᵢⱼ k(xᵢ,yⱼ)/mn
let distance (x: float[][]) (y: float[][]) =
    let sum (a: float[][]) (b: float[][]) = Array.allPairs a b |> Array.sumBy (fun (u, v) -> kernel u v)

    let within a =
        (sum a a - Array.sumBy (fun u -> kernel u u) a) / float (a.Length * (a.Length - 1))

    within x + within y - 2.0 * sum x y / float (x.Length * y.Length)
