/// Runs of solvers on rows of numbers, for their laws.
module internal DiMum.Conformance.SolverRuns

open System
open FsCheck
open TorchSharp
open DiMum.Spec
open SolverCases
open Tensors

let law id sentence body = Law.over typeof<Generators> 12 id sentence body

let plain = Lib.OutputReading()

/// The numbers of steps that the solver takes at T times.
let allowed (case: SolverCase) total = [ 1..total ] |> List.filter (case.Fits total)

/// At every allowed number of steps.
let forAll (case: SolverCase) (recipe: Recipe) work =
    use scope = torch.NewDisposeScope()

    for steps in allowed case recipe.Steps do
        work steps (fun reading -> case.Make reading (Components.schedule recipe) steps)

/// A solver of an allowed number of steps; nothing where T allows none.
let at (case: SolverCase) (recipe: Recipe) (count: PositiveInt) work =
    match allowed case recipe.Steps with
    | [] -> ()
    | steps ->
        use scope = torch.NewDisposeScope()
        let steps = steps[count.Get % steps.Length]
        work steps (fun reading -> case.Make reading (Components.schedule recipe) steps)

let row (values: float[]) = shaped [| 1L; int64 values.Length |] values

/// The k-th noise that is asked for.
let wave k pixels = Array.init pixels (fun i -> cos (float (7 * k + i)))

/// The same noise for every image of a batch.
let waves scale =
    let mutable asked = 0

    Lib.NoiseSource(fun shape ->
        asked <- asked + 1
        let one = wave asked (int shape[1]) |> Vector.scale scale
        Array.concat (Array.create (int shape[0]) one) |> shaped (shape.ToArray()))

/// Factors of x₀ and ε in what the network sees at a call.
let level (solver: Lib.Solver) call =
    let factor clean noise = number (solver.Noised(row [| clean |], row [| noise |], call))
    let signal, spread = factor 1.0 0.0, factor 0.0 1.0
    let size = sqrt (signal * signal + spread * spread)
    signal / size, spread / size

/// A network's output that says this image and noise at a level.
let says prediction (signal: float, spread: float) (image: float[]) (noise: float[]) : float[] =
    match prediction with
    | Lib.Prediction.Noise -> noise
    | Lib.Prediction.Velocity -> Array.map2 (fun x e -> signal * e - spread * x) image noise
    | _ -> image

/// Runs on one row; the network gets (x, t, call), `onStep` (call, x).
let run (solver: Lib.Solver) noise (start: float[]) (network: float[] -> float -> int -> float[]) onStep =
    let mutable call = 0

    let output =
        Lib.ModelOutput(fun x t ->
            let out = network (floats x) t call
            call <- call + 1
            shaped x.shape out)

    floats (solver.Run(row start, output, noise, 0, Action<_, _>(fun call x -> onStep call (floats x))))

let quiet _ _ = ()

/// How much rounding may grow on the way: the first x̂₀ divides by √ᾱ, and every next step goes out from it.
let growth (recipe: Recipe) = 1.0 / recipe.Table.AlphaBar[recipe.Steps - 1]

let size values = values |> Array.map abs |> Array.fold max 1.0

let wavy (x: float[]) t _ = x |> Array.map (fun x -> sin (x + t))

let specified (recipe: Recipe) steps solver (start: float[]) =
    { Recipe = recipe
      Steps = steps
      Solver = solver
      Predict = fun x t -> wavy x t 0
      Noises = List.init (recipe.Steps + 1) (fun k -> wave (k + 1) start.Length)
      Start = start }

let fading (x: float[]) t _ = x |> Vector.scale (0.2 + 0.5 * cos t)

/// A batch of rows of two pixels.
let batchOf (solver: Lib.Solver) (images: (float * float)[]) =
    let start = images |> Array.collect (fun (a, b) -> [| a; b |]) |> shaped [| int64 images.Length; 2L |]
    let before = floats start
    let network = Lib.ModelOutput(fun x t -> x.add(scalar t).sin())
    let result = floats (solver.Run(start, network, waves 1.0))
    Expect.equal before (floats start)
    result
