/// A denoiser small enough to differentiate by hand: linear in θ, so that every loss of the paper is a quadratic.
module DiMum.Conformance.Toy

open DiMum.Spec

let classes = 3
let parameters = 2 + classes

/// The features φ_k of a pixel x at time t under condition c: x, cos t, and for each class x² − 1 where it is c.
let private features (x: float) (t: int) (c: int) =
    Array.append [| x; cos (float t) |] (Array.init classes (fun k -> if k = c then x * x - 1.0 else 0.0))

/// ε_θ(x_t, t, c) = Σ_k θ_k φ_k
let net (theta: float[]) : Loss.Denoiser<int> =
    fun noisy t c -> noisy |> Array.map (fun x -> Vector.dot theta (features x t c))

/// ∂/∂θ of ‖target − ε_θ‖² over a batch, by hand:  −2 (target − ε_θ) φ_k, reduced as the loss is
let gradient reduction table (target: Loss.Draw<int> -> float[]) (theta: float[]) (draws: Loss.Draw<int>[]) =
    let perDraw (draw: Loss.Draw<int>) =
        let noisy = Forward.noised table draw.Time draw.Image draw.Noise

        Array.map2
            (fun x y ->
                let phi = features x draw.Time draw.Condition
                Vector.scale (-2.0 * (y - Vector.dot theta phi)) phi)
            noisy
            (target draw)

    let total = draws |> Array.collect perDraw |> List.ofArray |> Vector.sum

    match reduction with
    | Loss.SumPerImage -> Vector.scale (1.0 / float draws.Length) total
    | Loss.MeanAll -> Vector.scale (1.0 / float (draws.Length * draws[0].Image.Length)) total
