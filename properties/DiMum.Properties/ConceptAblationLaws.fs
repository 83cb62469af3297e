/// Concept Ablation as its program has it: generated anchors, means, and AdamW.
module DiMum.Properties.ConceptAblationLaws

open FsCheck
open NUnit.Framework
open TorchSharp
open DiMum.Spec
open Tensors

let private scale, steps = 3.0, 3

let private anchorsOf count = Lib.AnchorImages(count, Lib.Guidance.ByScale scale, steps)

let private released reading count = Lib.ConceptAblationReading.Of(reading, anchorsOf count)

let private contextOf (scene: Scene) model =
    Components.context model (Components.schedule scene.Schedule) (Components.listed scene) 1.0

let private images (tensor: Tensor) =
    floats tensor |> Array.chunkBySize (int (tensor.numel () / tensor.shape[0]))

/// The toy is quadratic in x, and so diverges over many steps.
let private tame (scene: Scene) = { scene with Theta = Vector.scale 0.05 scene.Theta }

/// Start and noise of each step, as the library draws them for a batch: [step][image].
let private noises (context: Lib.UnlearningContext) (shape: int64[]) draws number =
    use generator = context.Seed.At("anchors", number).Generator()

    [ for _ in 1..draws ->
          use drawn = torch.randn (shape, dtype = float64, generator = generator)
          images drawn ]

[<Law("L29", 40)>]
let ``anchor images are DDIM's at η = 1 of the guided network under the anchors, a batch after the other``
    (scene: Scene)
    (more: PositiveInt)
    =
    use scope = torch.NewDisposeScope()
    let scene = tame scene
    use model = new ToyDenoiser(scene.Theta)
    let context = contextOf scene model
    let batch = scene.Draws.Unlearning.Length
    let count = batch + 1 + more.Get % batch // a batch, and part of the next
    use made = (anchorsOf count).Generate context
    let conditions = Array.init count (fun i -> scene.Draws.Unlearning[i % batch].Condition)
    Expect.equal conditions (wholes made.Unlearned)
    Expect.equal (Array.map Components.benign conditions) (wholes made.Anchors)
    Expect.equal scene.Theta (floats model.Parameters.Values)
    let total = scene.Table.Beta.Length
    let way = Reverse.transitions -1 (Reverse.uniformTimes total (min steps total))
    let move = Reverse.ddim 1.0 Reverse.Unbounded scene.Table

    let guided c x time =
        let predict c = Toy.net scene.Theta x time c
        Guidance.combine (Guidance.Scale scale) (predict (Components.benign c)) (predict -1)

    let expected =
        [| for number in 0 .. (count - 1) / batch do
               let size = min batch (count - number * batch)
               let shape = [| int64 size; 1L; 1L; int64 scene.Draws.Unlearning[0].Image.Length |]
               let drawn = noises context shape way.Length number // the last step draws none

               for i in 0 .. size - 1 do
                   let still = Array.zeroCreate (int shape[3])
                   let z = (List.tail drawn |> List.map (fun step -> step[i])) @ [ still ]
                   let start = (List.head drawn).[i]
                   Reverse.sample move (guided conditions.[i]) z way start |]

    Array.iter2 (Expect.allNear 1e-8) expected (images made.Images)

[<Law("L14", 40)>]
let ``as released, Concept Ablation's loss is the mean over all elements on its anchors, towards the current network under the anchor``
    (scene: Scene)
    (iteration: NonNegativeInt)
    =
    use scope = torch.NewDisposeScope()
    let scene = tame scene

    for reading in [ Lib.MethodReading.AsReleased; Lib.MethodReading.AsReleasedInUnlearnCanvas ] do
        use model = new ToyDenoiser(scene.Theta)
        let context = contextOf scene model

        let method = Lib.ConceptAblation(Lib.Balance(0.2, 1.0), Lib.AblationTarget.Model, Read = released reading 5)

        use anchors = (anchorsOf 5).Generate context
        let struct (batch, anchor) = anchors.Next(context, iteration.Get % 10)
        Expect.equal (wholes batch.Condition.Value |> Array.map Components.benign) (wholes anchor.Value)

        let draws =
            Array.map3
                (fun image condition (draw: Loss.Draw<int>) -> { draw with Image = image; Condition = condition })
                (images batch.Clean)
                (wholes batch.Condition.Value)
                scene.Draws.Unlearning

        let under condition =
            Array.map (fun (draw: Loss.Draw<int>) -> { draw with Condition = condition draw.Condition }) draws

        let net = Toy.net scene.Theta

        let expected =
            Loss.towards
                Loss.MeanAll
                scene.Table
                (ConceptAblation.target ConceptAblation.ModelBased scene.Table Components.benign net)
                net
                draws
            |> fun ablation -> ConceptAblation.withRegularisation ablation (Loss.eps Loss.MeanAll scene.Table net (under Components.benign))

        use rule = (method :> Lib.IUnlearningMethod).Prepare context
        let update = Seq.exactlyOne (rule.Updates(iteration.Get % 10))
        let value, _ = Components.differentiate model update.Loss.Invoke
        Expect.near (1e-9 * (1.0 + abs expected)) expected value

[<Law("L21", 20)>]
let ``anchors are read in shuffled epochs: each once before any comes twice`` (scene: Scene) (size: PositiveInt) =
    use scope = torch.NewDisposeScope()
    let scene = tame scene
    use model = new ToyDenoiser(scene.Theta)
    let context = contextOf scene model
    let batch = scene.Draws.Unlearning.Length
    let count = batch * (1 + size.Get % 4)
    use anchors = (anchorsOf count).Generate context

    let read =
        [| for iteration in 0 .. count / batch - 1 do
               let struct (next, _) = anchors.Next(context, iteration)
               yield! images next.Clean |]

    Expect.equal (Array.sort (images anchors.Images)) (Array.sort read)

/// Listed draws under conditions that are all dropped, whoever asks.
type private Dropping(inner: Lib.IBatchSource) =
    let none (condition: Lib.Condition) = condition.Dropped()

    interface Lib.IBatchSource with
        member _.Next(pairing, step) =
            let batch = inner.Next(pairing, step)
            batch.Under(none batch.Condition)

        member _.Pass pairing = inner.Pass pairing
        member _.PassLength pairing = inner.PassLength pairing
        member _.Conditions(pairing, step) = inner.Conditions(pairing, step)
        member _.Redrop(condition, _, _) = none condition

[<Law("L24", 10)>]
let ``as released no condition of a loss is dropped, whatever the batches say; as published all are where all are`` (scene: Scene) =
    use scope = torch.NewDisposeScope()
    let scene = tame scene

    for reading in System.Enum.GetValues<Lib.MethodReading>() do
        use model = new ToyDenoiser(scene.Theta)

        let context = Components.context model (Components.schedule scene.Schedule) (Dropping(Components.listed scene)) 1.0

        let method =
            Lib.ConceptAblation(Lib.Balance(0.0, 1.0), Lib.AblationTarget.Model, Read = released reading 5) :> Lib.IUnlearningMethod

        use rule = method.Prepare context
        let mutable kept = 0
        let mutable dropped = 0

        model.Intercept <-
            fun (_, _, condition) output ->
                if isNull condition.Keep then
                    kept <- kept + 1
                else
                    dropped <- dropped + 1

                output

        for update in rule.Updates 0 do
            Components.differentiate model update.Loss.Invoke |> ignore

        Expect.equal (if reading = Lib.MethodReading.AsPublished then 0, 2 else 2, 0) (kept, dropped)

[<Law("L25", 10)>]
let ``what the network draws is saved before it is trained on, and whatever stops the drawing leaves the network in its mode``
    (scene: Scene)
    =
    use scope = torch.NewDisposeScope()
    let scene = tame scene
    use model = new ToyDenoiser(scene.Theta)
    let whole = contextOf scene model

    use plain = (anchorsOf 5).Generate whole
    use saved = (anchorsOf 5).Generate(Contexts.Changed(whole, saved = fun x -> x.add (scalar 1.0)))
    Expect.allNear 1e-12 (floats plain.Images |> Array.map ((+) 1.0)) (floats saved.Images)

    let stopped context =
        Assert.Catch(System.Action(fun () -> (anchorsOf 5).Generate context |> ignore)) |> ignore
        Expect.holds "evaluation mode is left on" (model :> Lib.IDenoiser).Training

    stopped (Contexts.Changed(whole, cancel = System.Threading.CancellationToken true))
    stopped (Contexts.Changed(whole, saved = fun _ -> failwith "no room"))

[<Law("L24", 5)>]
let ``the programs neither clip nor drop, and decay by AdamW; as published neither decays`` () =
    let of' reading =
        Lib.ConceptAblation(Lib.Balance(0.0, 1.0), Lib.AblationTarget.Model, Read = released reading 5) :> Lib.IUnlearningMethod

    let published = of' Lib.MethodReading.AsPublished
    Expect.holds "as published clips" (published.Clips && not published.DetachesFirstToken)
    Expect.equal 0.0 published.Optimizer.DecoupledDecay

    for reading in [ Lib.MethodReading.AsReleased; Lib.MethodReading.AsReleasedInUnlearnCanvas ] do
        let method = of' reading
        Expect.holds $"{reading} clips" (not method.Clips && method.DetachesFirstToken)
        Expect.equal 1e-2 method.Optimizer.DecoupledDecay
