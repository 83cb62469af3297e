/// The library's losses and their gradients, Eqs. (4) to (8), (10) and (11), against the specification and against each other.
module DiMum.Properties.LibraryLossLaws

open System
open NUnit.Framework
open FsCheck
open TorchSharp
open DiMum.Spec
open Tensors

let private noise (draw: Loss.Draw<int>) = draw.Noise

[<Law "L11">]
let ``the library's epsilon-loss and its gradient are Eq. (4) under every reduction`` (scene: Scene) =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    let schedule = Components.schedule scene.Schedule
    let draws = scene.Draws.Retain

    for spec, library in Components.reductions do
        let value, gradient = Components.differentiate model (fun () -> Lib.EpsilonLoss.Of(model, schedule, batch draws, library))

        let expected = Loss.eps spec scene.Table (Toy.net scene.Theta) draws
        Expect.near 1e-11 expected value
        Expect.allNear (1e-11 * (1.0 + expected)) (Toy.gradient spec scene.Table noise scene.Theta draws) gradient

[<Law "L17">]
let ``the library's losses per image are the losses of the images alone`` (scene: Scene) =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    let draws = scene.Draws.Retain

    Lib.EpsilonLoss.PerImage(model, Components.schedule scene.Schedule, batch draws)
    |> floats
    |> Expect.allNear
        1e-11
        (draws
         |> Array.map (fun draw -> Loss.eps Loss.SumPerImage scene.Table (Toy.net scene.Theta) [| draw |]))

/// Losses and gradients of a rule's updates in one iteration, θ held.
let private updates (model: Lib.ITrainableDenoiser) (rule: Lib.IUpdateRule) =
    [ for update in rule.Updates 0 -> Components.differentiate model update.Loss.Invoke ]

[<Law("L7", 40)>]
let ``the attack's loss and gradient are Eq. (7)`` (scene: Scene) =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    let schedule = Components.schedule scene.Schedule
    let context = Components.context model schedule (Components.listed scene) 1.0
    use rule = Lib.DiMRA.Rule(model, schedule, context.Batches, context.Retain, 1.0)
    let value, gradient = List.exactlyOne (updates model rule)
    let expected = Loss.eps Loss.SumPerImage scene.Table (Toy.net scene.Theta) scene.Draws.Retain
    Expect.near 1e-11 expected value
    Expect.allNear (1e-11 * (1.0 + expected)) (Toy.gradient Loss.SumPerImage scene.Table noise scene.Theta scene.Draws.Retain) gradient

[<Law("L14", 40)>]
let ``SalUn's target follows the network and sends no gradient back`` (scene: Scene) =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    let schedule = Components.schedule scene.Schedule
    let balance: Loss.Balance = { Retain = 0.0; Unlearning = 1.0 }

    for case in Components.methods |> List.filter _.Relabels do
        use rule = (Components.create case false balance).Prepare(Components.context model schedule (Components.listed scene) 1.0)

        for theta in [ scene.Theta; scene.Theta |> Array.map (fun p -> 1.0 - p) ] do
            model.Parameters.Load(vector theta)
            let current = Toy.net theta

            let target (draw: Loss.Draw<int>) =
                Loss.predict scene.Table current { draw with Condition = Components.benign draw.Condition }

            let value, gradient = List.exactlyOne (updates model rule)
            let expected = Loss.towards Loss.MeanAll scene.Table target current scene.Draws.Unlearning
            Expect.near 1e-11 expected value

            Toy.gradient Loss.MeanAll scene.Table target theta scene.Draws.Unlearning
            |> fun byHand -> Expect.allNear (1e-11 * (1.0 + expected)) byHand gradient

[<Law("L13", 4)>]
let ``training, attack, retaining and memorizing are one loss: bit-equal losses and gradients on one pairing``
    (seed: PositiveInt)
    (step: NonNegativeInt)
    =
    use scope = torch.NewDisposeScope()
    let seed, step = int64 seed.Get, step.Get
    use data = World.data seed
    use model = World.unet 0.0 seed
    let source () = World.batches seed
    let pairing = Lib.Pairing.Retain(data, World.unlearned)

    // D_r, D_m and D_a are all this one pairing.
    let context () =
        let whole = World.context model data (source ())

        Lib.UnlearningContext(
            model,
            World.schedule,
            whole.Batches,
            whole.Forget,
            pairing,
            pairing,
            whole.Alternative,
            whole.Iterations,
            whole.ClipNorm
        )

    let only (rule: Lib.IUpdateRule) =
        let update = Seq.exactlyOne (rule.Updates step)
        update.Loss.Invoke()

    let dimum retain unlearning =
        only ((Lib.DiMumMethod(Lib.Balance(retain, unlearning))).Prepare(context ()))

    let expected, gradient =
        Components.differentiate model (fun () ->
            Lib.EpsilonLoss.Of(model, World.schedule, (source () :> Lib.IBatchSource).Next(pairing, step)))

    for equation, loss in
        [ "Eq. (4), as pre-training runs it", fun () -> only (Lib.DiMRA.Rule(model, World.schedule, source (), pairing, 1.0))
          "Eq. (7)", fun () -> only (Lib.DiMRA.Rule(model, World.schedule, source (), pairing, 0.1))
          "Eq. (8)", fun () -> only ((Lib.RetainOnly(FromScratch = false)).Prepare(context ()))
          "Eq. (8) in Eq. (11)", fun () -> dimum 1.0 0.0
          "Eq. (10) in Eq. (11)", fun () -> dimum 0.0 1.0 ] do
        let value, slope = Components.differentiate model loss
        Expect.holds $"{equation}: loss {value}, not {expected}" (value = expected)
        Expect.holds $"{equation}: another gradient" (slope = gradient)

[<Law("L17", 3)>]
let ``gradients accumulated over equal parts are the big batch's`` (seed: PositiveInt) =
    use scope = torch.NewDisposeScope()
    let seed = int64 seed.Get
    use model = World.unetOf float64 0.1 seed
    (model :> Lib.IDenoiser).Training <- false
    use generator = (Lib.Seed seed).Generator()
    let size, parts = 6L, 3L

    let images () =
        torch.randn ([| size; 1L; 8L; 8L |], dtype = float64, generator = generator)

    let clean, noise = images (), images ()
    let condition = integers [| 0; 1; 2; 0; 1; 2 |]
    let keep = integers([| 1; 1; 0; 1; 0; 1 |]).to_type torch.ScalarType.Bool
    let time = integers [| 0; 9; 49; 17; 30; 3 |]

    let part from count =
        let cut (tensor: Tensor) = tensor.narrow (0L, from, count)
        new Lib.NoisedBatch(cut clean, Lib.Condition(cut condition, cut keep), cut time, cut noise)

    for _, reduction in Components.reductions do
        let loss batch = Lib.EpsilonLoss.Of(model, World.schedule, batch, reduction)
        let whole, gradient = Components.differentiate model (fun () -> loss (part 0L size))
        model.Parameters.ZeroGradient()
        let mutable sum = 0.0

        for k in 0L .. parts - 1L do
            let share = loss (part (k * size / parts) (size / parts))
            share.div(scalar (float parts)).backward()
            sum <- sum + number share / float parts

        Expect.near 1e-12 whole sum
        Expect.allNear 1e-11 gradient (floats model.Parameters.Gradient)

[<Law("L13", 30)>]
let ``Concept Ablation by noise is the epsilon-loss of its anchors`` (scene: Scene) =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    let noise = global.DiMum.Unlearning.Methods.AblationTarget.Noise
    let method = global.DiMum.Unlearning.Methods.ConceptAblation(Lib.Balance(0.0, 1.0), noise) :> Lib.IUnlearningMethod
    use rule = method.Prepare(Components.context model (Components.schedule scene.Schedule) (Components.listed scene) 1.0)

    let loss theta =
        Loss.eps Loss.SumPerImage scene.Table (Toy.net theta) scene.Draws.Unlearning

    let expected = loss scene.Theta

    for update in rule.Updates 0 do
        let value, gradient = Components.differentiate model update.Loss.Invoke
        Expect.near (1e-11 * (1.0 + expected)) expected value
        Expect.allNear (1e-7 * (1.0 + expected)) (Gradient.central loss scene.Theta) gradient
