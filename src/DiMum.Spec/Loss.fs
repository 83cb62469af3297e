/// The losses. Eqs. (4), (7), (8), (10) are one function, `eps`, on pairs (x₀, c) from D, D_a, D_r, D_m.
module DiMum.Spec.Loss

/// How ‖·‖² over a batch becomes a number: sum over an image and mean over the batch, or mean over all elements.
/// For 3×32×32 images the first is 3072 times the second.
type Reduction =
    | SumPerImage
    | MeanAll

/// One thing for each of the two terms: weights, reductions, batches.
type Both<'a> = { Retain: 'a; Unlearning: 'a }

/// The weights of the two terms. The paper's λ is { Retain = 1; Unlearning = λ }.
type Balance = Both<float>

/// ε_θ(x_t, t, c)
type Denoiser<'c> = float[] -> int -> 'c -> float[]

/// One sample of the expectation: x₀ and c from a pairing, t, and ε.
type Draw<'c> = { Image: float[]; Condition: 'c; Time: int; Noise: float[] }

/// The balance of a bare λ.
let lambda value : Balance = { Retain = 1.0; Unlearning = value }

/// ε_θ(x_t, t, c) with x_t from Eq. (1)
let predict table (net: Denoiser<'c>) (draw: Draw<'c>) =
    net (Forward.noised table draw.Time draw.Image draw.Noise) draw.Time draw.Condition

/// ‖target − predicted‖² over a batch
let squaredError reduction (target: float[][]) (predicted: float[][]) =
    let squares = Array.map2 (Array.map2 (fun a b -> (a - b) * (a - b))) target predicted

    match reduction with
    | SumPerImage -> squares |> Array.averageBy Array.sum
    | MeanAll -> squares |> Array.concat |> Array.average

/// Eqs. (4), (7), (8), (10):  L(θ) = E_{(x₀,c), ε, t} ‖ε − ε_θ(x_t, t, c)‖²
let eps reduction table (net: Denoiser<'c>) (draws: Draw<'c>[]) =
    squaredError reduction (draws |> Array.map _.Noise) (draws |> Array.map (predict table net))

/// E ‖sg[target] − ε_θ(x_t, t, c)‖². The stop-gradient is in the signature: the target is no function of θ.
let towards reduction table (target: Draw<'c> -> float[]) (net: Denoiser<'c>) (draws: Draw<'c>[]) =
    squaredError reduction (Array.map target draws) (draws |> Array.map (predict table net))

/// Eq. (5):  L(θ) = E_{D_r} ‖ε − ε_θ(x_t, t, c)‖² − λ · E_{D_u} ‖ε − ε_θ(x_t, t, c)‖²
let ascent (reduction: Both<Reduction>) (balance: Balance) table net (draws: Both<Draw<'c>[]>) =
    balance.Retain * eps reduction.Retain table net draws.Retain
    - balance.Unlearning * eps reduction.Unlearning table net draws.Unlearning

/// Eq. (6):  L(θ) = E_{D_r} ‖ε − ε_θ(x_t, t, c)‖² + λ · E_{D_u} ‖sg[ε_θ(x_t, t, c̃)] − ε_θ(x_t, t, c)‖²
/// `source` is the network inside sg (the current one's values, or a frozen copy), `benign` gives c̃ for c.
let relabel (reduction: Both<Reduction>) (balance: Balance) table benign (source: Denoiser<'c>) net (draws: Both<Draw<'c>[]>) =
    let target draw = predict table source { draw with Condition = benign draw.Condition }

    balance.Retain * eps reduction.Retain table net draws.Retain
    + balance.Unlearning * towards reduction.Unlearning table target net draws.Unlearning

/// Eq. (11):  L(θ) = L_r(θ) + λ · L_u(θ)   with L_r on draws from D_r, Eq. (8), and L_u on draws from D_m, Eq. (10)
let dimum reduction (balance: Balance) table net (draws: Both<Draw<'c>[]>) =
    balance.Retain * eps reduction table net draws.Retain
    + balance.Unlearning * eps reduction table net draws.Unlearning
