/// Accuracy rates (AR_u, AR_a, AR_alt): a count of n independent images, with an exact interval.
module DiMum.Spec.Rate

open MathNet.Numerics.Distributions

/// AR = count / n
let value count n = float count / float n

/// Whether a label is among the k highest of the logits: fewer than k are above its own. The paper counts k = 1 on CIFAR-10, k = 3 on styles.
let hit k label (logits: float[]) =
    (logits |> Array.filter (fun other -> other > logits[label]) |> Array.length) < k

/// Clopper–Pearson at the given confidence 1 − δ:
///   lower = B⁻¹(δ/2; k, n−k+1), 0 if k = 0;   upper = B⁻¹(1−δ/2; k+1, n−k), 1 if k = n
let interval confidence count n =
    let tail = (1.0 - confidence) / 2.0
    let k, rest = float count, float (n - count)
    let lower = if count = 0 then 0.0 else Beta.InvCDF(k, rest + 1.0, tail)
    let upper = if count = n then 1.0 else Beta.InvCDF(k + 1.0, rest, 1.0 - tail)
    lower, upper
