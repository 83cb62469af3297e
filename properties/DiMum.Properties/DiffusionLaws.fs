/// Forward process, guidance, reverse process, time draws: Eqs. (1) to (3).
module DiMum.Properties.DiffusionLaws

open DiMum.Spec
open FsCheck

let private zeros (like: float[]) = Array.map (fun _ -> 0.0) like
let private unzip (rows: Pairs) = Array.unzip rows.Get
let private unzip3 (rows: Triples) = Array.unzip3 rows.Get

/// t one-step kernels in a row, the noise of step s given by `noise s`.
let private walk table t (noise: int -> float[]) start =
    List.fold (fun x s -> Forward.oneStep table s x (noise s)) start [ 0..t ]

[<Law "L4">]
let ``one-step kernels in a row carry the image as far as the jump does`` (moment: Moment) (image: NonEmptyArray<float>) =
    let nothing = zeros image.Get

    Expect.allNear
        1e-12
        (Forward.noised moment.Table moment.Time image.Get nothing)
        (walk moment.Table moment.Time (fun _ -> nothing) image.Get)

[<Law "L4">]
let ``one-step kernels in a row add as much variance as the jump does`` (moment: Moment) =
    let response source =
        (walk moment.Table moment.Time (fun s -> [| (if s = source then 1.0 else 0.0) |]) [| 0.0 |])[0]

    let variance = [ 0 .. moment.Time ] |> List.sumBy (fun source -> response source ** 2.0)

    let jump = (Forward.noised moment.Table moment.Time [| 0.0 |] [| 1.0 |])[0]
    Expect.near 1e-12 (jump * jump) variance

[<Law "L5">]
let ``predicting x0 undoes noising when the noise is known`` (moment: Moment) (rows: Pairs) =
    let image, noise = unzip rows
    let noisy = Forward.noised moment.Table moment.Time image noise
    let amplification = 1.0 / sqrt moment.Table.AlphaBar[moment.Time]
    Expect.allNear (1e-13 * amplification) image (Reverse.predictX0 Reverse.Unbounded moment.Table moment.Time noisy noise)

[<Law "L5">]
let ``a clipped x0 lies within its bound and is otherwise the plain one`` (moment: Moment) (rows: Pairs) =
    let noisy, predicted = unzip rows

    let plain = Reverse.predictX0 Reverse.Unbounded moment.Table moment.Time noisy predicted

    Reverse.predictX0 (Reverse.Within 1.0) moment.Table moment.Time noisy predicted
    |> Array.iter2
        (fun p c ->
            Expect.equal
                (if p > 1.0 then 1.0
                 elif p < -1.0 then -1.0
                 else p)
                c)
        plain

[<Law "L6">]
let ``DDIM with eta 0 does not look at its noise`` (moment: Moment) (rows: Triples) =
    let noisy, predicted, z = unzip3 rows

    let move = Reverse.ddim 0.0 Reverse.Unbounded moment.Table moment.Time (moment.Time - 1) noisy predicted

    Expect.equal (move (zeros z)) (move z)

[<Law "L6">]
let ``DDIM with eta 0 and the true noise returns the clean image by any subsequence`` (recipe: Recipe) (rows: Pairs) (stride: PositiveInt) =
    let image, noise = unzip rows
    let table = recipe.Table
    let times = [ recipe.Steps - 1 .. -stride.Get .. 0 ]
    let moves = Reverse.transitions -1 times
    let start = Forward.noised table times[0] image noise
    let silence = moves |> List.map (fun _ -> zeros image)
    let amplification = 1.0 / sqrt table.AlphaBar[times[0]]

    Reverse.sample (Reverse.ddim 0.0 Reverse.Unbounded table) (fun _ _ -> noise) silence moves start
    |> Expect.allNear (1e-12 * amplification) image

[<Law "L6">]
let ``DDIM with eta 0 and the true noise passes through the noised image of every time`` (moment: Moment) (rows: Pairs) =
    let image, noise = unzip rows
    let last = moment.Recipe.Steps - 1
    let start = Forward.noised moment.Table last image noise
    let there = Forward.noised moment.Table moment.Time image noise
    let amplification = 1.0 / sqrt moment.Table.AlphaBar[last]

    Reverse.ddim 0.0 Reverse.Unbounded moment.Table last moment.Time start noise (zeros image)
    |> Expect.allNear (1e-12 * amplification) there

[<Law "L7">]
let ``DDIM with eta 1 is ancestral sampling with the small variance`` (moment: Moment) (rows: Triples) =
    let noisy, predicted, z = unzip3 rows

    let ddim = Reverse.ddim 1.0 Reverse.Unbounded moment.Table moment.Time (moment.Time - 1) noisy predicted z

    let amplification = 1.0 / sqrt moment.Table.Alpha[moment.Time]
    Expect.allNear (1e-7 * amplification) (Reverse.step Schedule.Small moment.Table moment.Time noisy predicted z) ddim

[<Law "L7">]
let ``DDIM with eta 1 is ancestral sampling over any subsequence``
    (recipe: Recipe)
    (i: NonNegativeInt)
    (j: NonNegativeInt)
    (rows: Triples)
    =
    let noisy, predicted, z = unzip3 rows
    let i = i.Get % recipe.Steps
    let j = j.Get % (i + 1) - 1
    let amplification = 1.0 / sqrt recipe.Table.AlphaBar[i]

    Reverse.ddim 1.0 Reverse.Unbounded recipe.Table i j noisy predicted z
    |> Expect.allNear (1e-7 * amplification) (Reverse.ancestral Schedule.Small Reverse.Unbounded recipe.Table i j noisy predicted z)

[<Law "L7">]
let ``ancestral sampling to the previous time is Eq. (3) under both variances`` (moment: Moment) (large: bool) (rows: Triples) =
    let noisy, predicted, z = unzip3 rows
    let sigma = if large then Schedule.Large else Schedule.Small
    let amplification = 1.0 / sqrt moment.Table.AlphaBar[moment.Time]

    Reverse.ancestral sigma Reverse.Unbounded moment.Table moment.Time (moment.Time - 1) noisy predicted z
    |> Expect.allNear (1e-11 * amplification) (Reverse.step sigma moment.Table moment.Time noisy predicted z)

[<Law "L7">]
let ``the mean of Eq. (3) under the true noise is the posterior mean of the forward process`` (moment: Moment) (rows: Pairs) =
    let image, noise = unzip rows
    let table, t = moment.Table, moment.Time
    let noisy = Forward.noised table t image noise
    let bar, before = table.AlphaBar[t], Schedule.alphaBar table (t - 1)

    let posterior =
        Array.map2
            (fun x0 xt ->
                sqrt before * table.Beta[t] / (1.0 - bar) * x0
                + sqrt table.Alpha[t] * (1.0 - before) / (1.0 - bar) * xt)
            image
            noisy

    Expect.allNear 1e-10 posterior (Reverse.step Schedule.Small table t noisy noise (zeros image))

[<Law "L8">]
let ``the last step adds no noise`` (recipe: Recipe) (large: bool) (eta: Share) (rows: Triples) =
    let noisy, predicted, z = unzip3 rows
    let sigma = if large then Schedule.Large else Schedule.Small
    let (Share eta) = eta

    let moves =
        [ Reverse.step sigma recipe.Table 0
          Reverse.ancestral sigma Reverse.Unbounded recipe.Table 0 -1
          Reverse.ddim eta Reverse.Unbounded recipe.Table 0 -1 ]

    for move in moves do
        Expect.equal (move noisy predicted (zeros z)) (move noisy predicted z)

[<Law "L8">]
let ``every earlier step adds exactly the declared standard deviation of noise`` (moment: Moment) (large: bool) (rows: Pairs) =
    let noisy, predicted = unzip rows
    let sigma = if large then Schedule.Large else Schedule.Small

    let move z =
        Reverse.step sigma moment.Table moment.Time noisy predicted (noisy |> Array.map (fun _ -> z))

    if moment.Time > 0 then
        let std = sqrt (Schedule.variance sigma moment.Table moment.Time)
        Array.iter2 (fun loud quiet -> Expect.near 1e-11 std (loud - quiet)) (move 1.0) (move 0.0)

[<Law "L9">]
let ``guidance of weight 0 or scale 1 is the conditional prediction`` (rows: Pairs) =
    let conditional, unconditional = unzip rows
    Expect.equal conditional (Guidance.combine (Guidance.Weight 0.0) conditional unconditional)
    Expect.allNear 1e-14 conditional (Guidance.combine (Guidance.Scale 1.0) conditional unconditional)

[<Law "L9">]
let ``guidance of weight -1 or scale 0 is the unconditional prediction`` (rows: Pairs) =
    let conditional, unconditional = unzip rows
    Expect.equal unconditional (Guidance.combine (Guidance.Weight -1.0) conditional unconditional)
    Expect.equal unconditional (Guidance.combine (Guidance.Scale 0.0) conditional unconditional)

[<Law "L9">]
let ``weight w is scale w + 1`` (w: float) (rows: Pairs) =
    let conditional, unconditional = unzip rows

    Guidance.combine (Guidance.Scale(w + 1.0)) conditional unconditional
    |> Expect.allNear 1e-12 (Guidance.combine (Guidance.Weight w) conditional unconditional)

[<Law "L9">]
let ``guidance is affine in its weight and leaves equal predictions alone`` (v: float) (w: float) (rows: Pairs) =
    let conditional, unconditional = unzip rows

    let at weight = Guidance.combine (Guidance.Weight weight) conditional unconditional

    let middle = Vector.scale 0.5 (Vector.add (at v) (at w))
    Expect.allNear 1e-12 middle (at ((v + w) / 2.0))
    Expect.allNear 1e-12 conditional (Guidance.combine (Guidance.Weight w) conditional conditional)

[<Law "L10">]
let ``antithetic times are the draws, then their mirrors, as many as the batch`` (steps: PositiveInt) (batch: PositiveInt) (seed: int) =
    let n, drawn = batch.Get, Timesteps.needed Timesteps.Antithetic batch.Get
    let random = System.Random seed
    let draws = Array.init drawn (fun _ -> random.Next steps.Get)
    let times = Timesteps.complete Timesteps.Antithetic steps.Get n draws
    Expect.equal n times.Length
    Expect.equal (Array.truncate n draws) (Array.truncate drawn times)

    for k in drawn .. n - 1 do
        Expect.equal (steps.Get - 1) (times[k] + times[k - drawn])

[<Law "L10">]
let ``over all draws, every place of an antithetic batch takes every time equally often`` (steps: PositiveInt) =
    let steps = steps.Get % 6 + 1

    for place in 0..2 do
        let counts =
            Array.allPairs [| 0 .. steps - 1 |] [| 0 .. steps - 1 |]
            |> Array.countBy (fun (a, b) -> (Timesteps.complete Timesteps.Antithetic steps 3 [| a; b |])[place])

        Expect.equal (List.init steps (fun t -> t, steps)) (counts |> Array.sort |> List.ofArray)

[<Law "L10">]
let ``uniform times are the draws`` (draws: NonEmptyArray<NonNegativeInt>) =
    let drawn = draws.Get |> Array.map _.Get
    Expect.equal drawn (Timesteps.complete Timesteps.Uniform 1000 drawn.Length drawn)

[<Law "L7">]
let ``uniform subsequences fall evenly from below T to 0`` (steps: PositiveInt) (count: PositiveInt) =
    let steps = steps.Get + 1
    let count = count.Get % steps + 1
    let times = Reverse.uniformTimes steps count
    Expect.equal 0 (List.last times)
    Expect.holds $"{times} is shorter than {count}" (times.Length >= count && times.Head < steps)

    times
    |> List.pairwise
    |> List.iter (fun (later, earlier) -> Expect.equal (steps / count) (later - earlier))
