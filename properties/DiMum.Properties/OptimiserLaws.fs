/// Adam, the moving average, clipping, and Algorithm 1, which is made of them.
module DiMum.Properties.OptimiserLaws

open DiMum.Spec
open FsCheck

let private unzip (rows: Pairs) = Array.unzip rows.Get

[<Law "L32">]
let ``Adam's first step is the learning rate against the sign of the gradient`` (rows: Pairs) =
    let theta, gradient = unzip rows

    let moved, _ = Adam.step (Adam.standard 0.1) (Adam.start theta.Length) theta gradient

    Array.iteri (fun i g -> Expect.near 1e-5 (theta[i] - 0.1 * float (sign g)) moved[i]) gradient

[<Law "L32">]
let ``Adam under a constant gradient walks in even steps`` (rows: Pairs) (steps: PositiveInt) =
    let theta, gradient = unzip rows
    let steps = min 30 steps.Get
    let settings = { Adam.standard 0.1 with Epsilon = 0.0 }
    let moving = gradient |> Array.map (fun g -> if g = 0.0 then 1.0 else g)
    let walk (theta, state) _ = Adam.step settings state theta moving
    let moved, _ = List.fold walk (theta, Adam.start theta.Length) [ 1..steps ]
    Array.iteri (fun i g -> Expect.near 1e-10 (theta[i] - 0.1 * float steps * float (sign g)) moved[i]) moving

[<Law "L32">]
let ``Adam without epsilon does not feel the scale of the gradients`` (rows: Pairs) (k: PositiveInt) =
    let theta, gradient = unzip rows
    let settings = { Adam.standard 0.1 with Epsilon = 0.0 }
    let moving = gradient |> Array.map (fun g -> if g = 0.0 then 1.0 else g)

    let run scale =
        [ 1.0; -0.5; 2.0 ]
        |> List.fold
            (fun (theta, state) factor -> Adam.step settings state theta (Vector.scale (scale * factor) moving))
            (theta, Adam.start theta.Length)
        |> fst

    Expect.allNear 1e-12 (run 1.0) (run (float k.Get))

[<Law "L32">]
let ``Adam's weight decay is a gradient of theta`` (rows: Pairs) (Share decay) =
    let theta, gradient = unzip rows
    let start = Adam.start theta.Length

    let decayed, _ = Adam.step { Adam.standard 0.1 with WeightDecay = decay } start theta gradient

    let plain, _ = Adam.step (Adam.standard 0.1) start theta (Vector.add gradient (Vector.scale decay theta))

    Expect.allNear 1e-14 plain decayed

[<Law "L32">]
let ``AdamW shrinks what decays by its share of the rate, and then steps as Adam does without decay`` (rows: Pairs) (Share decay) =
    let theta, gradient = unzip rows
    let settings, start = Adam.standard 0.1, Adam.start theta.Length
    let decays = Array.init theta.Length (fun i -> i % 2 = 0)
    let still = Array.zeroCreate theta.Length
    let shrunk, _ = Adam.decoupled decay settings start decays theta still

    Array.map2 (fun decays p -> if decays then p - 0.1 * decay * p else p) decays theta
    |> Expect.allNear 1e-14 shrunk

    let moved, state = Adam.decoupled decay settings start decays theta gradient
    let step, plain = Adam.step settings start theta gradient
    Expect.equal plain state
    Expect.allNear 1e-12 (Vector.subtract step theta) (Vector.subtract moved shrunk)

[<Law "L34">]
let ``the moving average of a constant is the constant`` (theta: NonEmptyArray<float>) (Share rate) (steps: PositiveInt) =
    List.fold (fun shadow _ -> Ema.update rate shadow theta.Get) theta.Get [ 1 .. min 50 steps.Get ]
    |> Expect.allNear 1e-13 theta.Get

[<Law "L34">]
let ``the moving average forgets its start by the rate to the power of the steps`` (rows: Pairs) (Share rate) (steps: PositiveInt) =
    let start, theta = unzip rows
    let steps = min 50 steps.Get
    let kept = pown rate steps
    let expected = Array.map2 (fun s p -> kept * s + (1.0 - kept) * p) start theta
    Expect.allNear 1e-12 expected (List.fold (fun shadow _ -> Ema.update rate shadow theta) start [ 1..steps ])

[<Law "L34">]
let ``half of the start is left after ln 2 over minus ln rate steps`` (halfLife: PositiveInt) =
    let rate = 0.5 ** (1.0 / float halfLife.Get)

    let shadow = List.fold (fun shadow _ -> Ema.update rate shadow [| 0.0 |]) [| 1.0 |] [ 1 .. halfLife.Get ]

    Expect.near 1e-12 0.5 shadow[0]

[<Law "L35">]
let ``a clipped gradient's norm is at most the maximum`` (gradient: NonEmptyArray<float>) (maximum: PositiveInt) =
    let maximum = float maximum.Get / 10.0
    let norm = Vector.norm (Clip.toNorm maximum gradient.Get)
    Expect.holds $"norm {norm} above {maximum}" (norm <= maximum)

[<Law "L35">]
let ``clipping keeps the direction`` (gradient: NonEmptyArray<float>) (maximum: PositiveInt) =
    let maximum = float maximum.Get / 10.0
    let clipped = Clip.toNorm maximum gradient.Get
    let norm = Vector.norm gradient.Get

    if norm > 0.0 then
        Expect.allNear 1e-12 (Vector.scale (Vector.norm clipped / norm) gradient.Get) clipped

[<Law "L35">]
let ``clipping leaves a gradient below the maximum bit-equal, and a second clipping changes nothing but rounding``
    (gradient: NonEmptyArray<float>)
    =
    let norm = Vector.norm gradient.Get
    Expect.equal gradient.Get (Clip.toNorm (norm + 1e-5) gradient.Get)

    let once = Clip.toNorm 1.0 gradient.Get
    Expect.allNear 2e-6 once (Clip.toNorm 1.0 once) // the 1e-6 in the formula makes it idempotent only this far

let private settings: Algorithm.Settings = { Adam = Adam.standard 0.01; MaximumNorm = 1.0 }

[<Law "L13">]
let ``DiMUM without its unlearning term is DiMRA on the retain set, step for step`` (scene: Scene) =
    let batches = List.replicate 3 scene.Draws
    let retain: Loss.Balance = { Retain = 1.0; Unlearning = 0.0 }

    Algorithm.dimum settings Loss.MeanAll retain scene.Table Toy.net scene.Theta batches
    |> Expect.equal (Algorithm.dimra settings Loss.MeanAll scene.Table Toy.net scene.Theta (batches |> List.map _.Retain))

[<Law "L13">]
let ``a step of DiMUM descends its own objective`` (scene: Scene) =
    let loss theta =
        Loss.dimum Loss.MeanAll (Loss.lambda 1.0) scene.Table (Toy.net theta) scene.Draws

    let slow = { settings with Adam = Adam.standard 1e-6 }

    let moved = Algorithm.dimum slow Loss.MeanAll (Loss.lambda 1.0) scene.Table Toy.net scene.Theta [ scene.Draws ]

    let before = loss scene.Theta
    Expect.holds $"from {before} to {loss moved}" (loss moved <= before * (1.0 + 1e-9))
