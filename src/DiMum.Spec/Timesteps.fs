/// From random integers in 0..T−1, which the caller draws, to the times of a batch of n.
module DiMum.Spec.Timesteps

type Draw =
    | Uniform
    | Antithetic

/// How many integers a batch of n consumes: n, or ⌊n/2⌋ + 1.
let needed draw n =
    match draw with
    | Uniform -> n
    | Antithetic -> n / 2 + 1

/// Uniform: the draws.  Antithetic: t₁ … t_k, T−1−t₁ … T−1−t_k, truncated to n
let complete draw steps n (drawn: int[]) =
    match drawn, draw with
    | _ when drawn.Length <> needed draw n -> invalidArg (nameof drawn) $"a batch of {n} takes {needed draw n} draws, not {drawn.Length}"
    | _, Uniform -> drawn
    | _, Antithetic -> Array.append drawn (drawn |> Array.map (fun t -> steps - 1 - t)) |> Array.truncate n
