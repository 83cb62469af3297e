/// Adam, the moving average and clipping of the library, on one flat vector, against the specification and against torch's own.
module DiMum.Properties.LibraryOptimiserLaws

open System
open NUnit.Framework
open FsCheck
open TorchSharp
open DiMum.Spec
open Tensors

/// A parameter vector of tensors of the given lengths, float64.
let private parameters (lengths: int list) (theta: float[]) =
    let declared = Lib.ParameterDeclarations()

    for i, length in List.indexed lengths do
        declared.Declare($"p{i}", Lib.Init.Zeros, int64 length) |> ignore

    use generator = (Lib.Seed 0L).Generator()
    let parameters = new Lib.ParameterVector(declared, torch.CPU, generator, float64)
    parameters.Load(vector theta)
    parameters

let private random (seed: int) n =
    let random = Random seed
    fun () -> Array.init n (fun _ -> (random.NextDouble() - 0.5) * 10.0 ** (4.0 * random.NextDouble() - 2.0))

let private give (parameters: Lib.ParameterVector) (gradient: float[]) =
    use none = torch.no_grad ()
    use flat = vector gradient
    parameters.Gradient.copy_ flat |> ignore

[<Law("L32", 20)>]
let ``the library's Adam is the specification's over 50 random steps, with decay or without`` (seed: int) (Share decay) =
    for decay in [ 0.0; decay ] do
        use scope = torch.NewDisposeScope()
        let draw = random seed 7
        let theta = draw ()
        use parameters = parameters [ 3; 4 ] theta
        use adam = new Lib.Adam(parameters, Lib.AdamSettings(WeightDecay = decay))

        let step (theta, state) _ =
            let gradient = draw ()
            give parameters gradient
            adam.Step 0.02
            let moved, state = Adam.step { Adam.standard 0.02 with WeightDecay = decay } state theta gradient
            Expect.allNear 1e-11 moved (floats parameters.Values)
            moved, state

        let _, state = List.fold step (theta, Adam.start 7) [ 1..50 ]
        Expect.allNear 1e-12 state.First (floats adam.FirstMoment)
        Expect.allNear 1e-12 state.Second (floats adam.SecondMoment)
        Expect.equal (int64 state.Step) adam.Steps

[<Law("L32", 20)>]
let ``the library's AdamW is the specification's over 50 random steps, and torch's where all weights decay`` (seed: int) (Share decay) =
    for chosen in [ None; Some [| true; false; true; true; false; false; true |] ] do
        use scope = torch.NewDisposeScope()
        let draw = random seed 7
        let theta = draw ()
        use parameters = parameters [ 3; 4 ] theta
        let decays = defaultArg chosen (Array.create 7 true)
        let mask = chosen |> Option.map (Array.map (fun d -> if d then 1.0 else 0.0) >> vector) |> Option.toObj
        use adam = new Lib.Adam(parameters, Lib.AdamSettings(DecoupledDecay = decay), Decaying = mask)
        let whole = torch.nn.Parameter(vector theta)
        use torchs = torch.optim.AdamW([ whole ], lr = 0.02, weight_decay = decay)

        let step (theta, state) _ =
            let gradient = draw ()
            give parameters gradient
            whole.grad <- vector gradient
            adam.Step 0.02
            torchs.step () |> ignore
            let moved, state = Adam.decoupled decay (Adam.standard 0.02) state decays theta gradient
            Expect.allNear 1e-11 moved (floats parameters.Values)
            moved, state

        List.fold step (theta, Adam.start 7) [ 1..50 ] |> ignore

        if chosen.IsNone then
            Expect.allNear 1e-11 (floats whole) (floats parameters.Values)

[<Law("L33", 10)>]
let ``Adam on the flat vector is torch's Adam on the separate tensors`` (seed: int) (Share decay) =
    use scope = torch.NewDisposeScope()
    let lengths = [ 1; 5; 2 ]
    let draw = random seed 8
    let theta = draw ()
    use parameters = parameters lengths theta
    use adam = new Lib.Adam(parameters, Lib.AdamSettings(WeightDecay = decay))

    let cut (flat: float[]) =
        lengths |> List.mapFold (fun at n -> flat[at .. at + n - 1], at + n) 0 |> fst

    let separate = cut theta |> List.map (fun part -> torch.nn.Parameter(vector part))
    use torchs = torch.optim.Adam(separate, lr = 0.02, weight_decay = decay)

    for _ in 1..20 do
        let gradient = draw ()
        give parameters gradient
        List.iter2 (fun (p: Modules.Parameter) part -> p.grad <- vector part) separate (cut gradient)
        torchs.step () |> ignore
        adam.Step 0.02

    separate
    |> List.map floats
    |> Array.concat
    |> fun expected -> Expect.allNear 1e-11 expected (floats parameters.Values)

[<Law("L34", 30)>]
let ``the library's moving average is the specification's, bit for bit`` (seed: int) (Share rate) =
    use scope = torch.NewDisposeScope()
    let draw = random seed 6
    let start = draw ()
    use parameters = parameters [ 6 ] start
    use ema = new Lib.Ema(parameters, rate)

    let step shadow _ =
        let theta = draw ()
        parameters.Load(vector theta)
        ema.Update()
        Ema.update rate shadow theta

    let shadow = List.fold step start [ 1..20 ]
    Expect.equal shadow (floats ema.Shadow)

[<Law "L35">]
let ``the library clips as the specification does and returns the norm from before``
    (gradient: NonEmptyArray<float>)
    (maximum: PositiveInt)
    =
    use scope = torch.NewDisposeScope()
    let maximum = float maximum.Get / 10.0
    let flat = vector gradient.Get
    let norm = Lib.GradientTransform.Clip(flat, maximum)
    Expect.near 1e-12 (Vector.norm gradient.Get) norm
    Expect.allNear 1e-12 (Clip.toNorm maximum gradient.Get) (floats flat)

[<Law("L35", 20)>]
let ``the norm of a long vector is exact, wherever its rows end`` (seed: int) (rows: NonNegativeInt) (rest: NonNegativeInt) =
    use scope = torch.NewDisposeScope()
    let values = random seed (rows.Get % 4 * 4096 + rest.Get % 5) ()
    Expect.near 1e-12 (Vector.norm values) (Lib.GradientTransform.Norm(vector values))

    Lib.GradientTransform.Norm((vector values).to_type float32) |> Expect.near 1e-5 (Vector.norm values)
