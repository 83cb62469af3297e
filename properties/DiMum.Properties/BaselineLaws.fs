/// EraseDiff, Scissorhands, ESD and the readings: what the laws over all methods don't reach.
module DiMum.Properties.BaselineLaws

open System
open NUnit.Framework
open FsCheck
open TorchSharp
open DiMum.Spec
open Tensors

let private unzip (rows: Pairs) = Array.unzip rows.Get
let private equalWeights = Lib.Balance(1.0, 0.5)

let private contextOf (scene: Scene) model =
    Components.context model (Components.schedule scene.Schedule) (Components.listed scene) 1.0

let private trainer (model: Lib.ITrainableDenoiser) rule =
    new Lib.Trainer(model, rule, Lib.TrainerSettings(10, Lib.LearningRate 0.01), Lib.Seed 3L)

[<Law "L27">]
let ``the library's projection on one reference is the specification's`` (rows: Pairs) =
    use scope = torch.NewDisposeScope()
    let reference, gradient = unzip rows
    use projection = new Lib.GemProjection(vector reference)
    let projected = vector gradient
    projection.Apply projected
    Expect.allNear 1e-9 (Scissorhands.project reference gradient) (floats projected)

[<Law "L27">]
let ``the projection's weights are the best of those that are at least one half`` (rows: NonEmptyArray<float * float * float>) (at: Pairs) =
    let a, b, c = Array.unzip3 rows.Get
    let references = [| a; b; c |]
    let p = Array2D.init 3 3 (fun i k -> Vector.dot (references[i]) (references[k]) + (if i = k then 1.0 else 0.0))
    let q = Array.init 3 (fun i -> fst at.Get[i % at.Get.Length])
    let v = Lib.GemProjection.Solve(p, q)
    let size = 1.0 + Array.sumBy abs q + (Seq.cast<float> p |> Seq.sumBy abs) * Array.sumBy abs v

    for i in 0..2 do
        let slope = Array.sum (Array.init 3 (fun k -> p[i, k] * v[k])) - q[i]
        Expect.holds $"v = {v[i]}" (v[i] >= 0.5)
        Expect.holds $"less of {i} is better: slope {slope}" (slope >= -1e-6 * size)
        Expect.holds $"more of {i} is better: slope {slope}" (v[i] = 0.5 || abs slope <= 1e-6 * size)

[<Law "L24">]
let ``Scissorhands marks in the library what it marks in the specification`` (rows: Pairs) (Share sparsity) =
    use scope = torch.NewDisposeScope()
    let gradient, theta = unzip rows
    let saliency = Scissorhands.saliency [ gradient ] theta

    if int (sparsity * float saliency.Length) >= 1 then
        let struct (mask, _) = Lib.Scissorhands.Marked(vector saliency, sparsity)
        Expect.equal (Scissorhands.mask sparsity saliency) (floats mask |> Array.map (fun m -> m = 1.0))

[<Law("L24", 40)>]
let ``Scissorhands' saliency sums the sizes of the batch gradients, and trimming moves the marked weights alone``
    (scene: Scene)
    (Share share)
    =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    let method = Lib.Scissorhands(equalWeights, 0.5, 2, 1, 0)
    let gradient = Toy.gradient Loss.SumPerImage scene.Table _.Noise scene.Theta scene.Draws.Unlearning
    let expected = Scissorhands.saliency [ gradient; gradient ] scene.Theta
    let saliency = floats (method.Saliency(contextOf scene model))
    Expect.allNear (1e-10 * (1.0 + Array.max expected)) expected saliency
    let mask = Array.init Toy.parameters (fun i -> float i / float Toy.parameters < share)
    let flat = vector (mask |> Array.map (fun m -> if m then 1.0 else 0.0))
    method.Trim(model.Parameters, flat, Func<_, _>(fun p -> torch.full (p.Shape, scalar 7.0, dtype = float64)))
    let fresh = Array.create Toy.parameters 7.0
    Expect.equal (Scissorhands.reinitialise mask fresh scene.Theta) (floats model.Parameters.Values)

[<Law("L25", 20)>]
let ``Scissorhands says that it trims, and preparing it twice trims alike`` (scene: Scene) =
    use scope = torch.NewDisposeScope()

    let prepared () =
        use model = new ToyDenoiser(scene.Theta)
        let method = Lib.Scissorhands(equalWeights, 0.5, 1, 1, 1)
        Expect.holds "it claims to leave the weights" (method :> Lib.IUnlearningMethod).Reinitialises
        use _ = method.Prepare(contextOf scene model)
        Expect.holds "a gradient is left" (floats model.Parameters.Gradient |> Array.forall (fun g -> g = 0.0))
        bits model.Parameters.Values

    Expect.equal (prepared ()) (prepared ())

[<Law "L29">]
let ``ESD's target in the library is the specification's, in both forms`` (rows: Pairs) (eta: float) =
    use scope = torch.NewDisposeScope()
    let concept, nothing = unzip rows
    let method = Lib.Esd(equalWeights, eta, Lib.Guidance.None, 1)
    let target = floats (method.Target(vector concept, vector nothing))
    Expect.allNear 1e-12 (Esd.target (Esd.FromNull eta) concept nothing) target
    Expect.allNear 1e-11 (Esd.target (Esd.FromConcept(1.0 + eta)) concept nothing) target

/// ESD's loss by the specification: DDIM from x_T, `way` the (from, to) pairs, looked at with time t.
let private erased reduction strength scale (scene: Scene) way t =
    let predict x time condition = Toy.net scene.Theta x time condition

    let guided c x time =
        Guidance.combine (Guidance.Scale scale) (predict x time c) (predict x time -1)

    let seen =
        scene.Draws.Unlearning
        |> Array.map (fun draw ->
            let still = way |> List.map (fun _ -> Array.map (fun _ -> 0.0) draw.Noise)
            let move = Reverse.ddim 0.0 Reverse.Unbounded scene.Table
            Reverse.sample move (guided draw.Condition) still way draw.Noise, draw.Condition)

    let target (x, c) = Esd.target (Esd.FromNull strength) (predict x t c) (predict x t -1)
    Loss.squaredError reduction (Array.map target seen) (seen |> Array.map (fun (x, c) -> predict x t c))

[<Law("L28", 60)>]
let ``ESD denoises to the time at which it compares, sums and clips; as released to a cleaner image, means and does not`` (scene: Scene) =
    use scope = torch.NewDisposeScope()
    let scene = { scene with Theta = Vector.scale 0.05 scene.Theta } // the toy is quadratic in x, and so diverges
    let steps = scene.Table.Beta.Length
    let times = Reverse.uniformTimes steps (min 4 steps)
    let drawn = scene.Draws.Unlearning[0].Time
    let t = times |> List.find (fun time -> time <= drawn)
    let place = times |> List.rev |> List.findIndex ((=) t)
    let all = Reverse.transitions -1 times
    let late = List.tail all // the noisiest time is left out

    for latent, reduction, way, at in
        [ Lib.EsdLatent.Aligned, Loss.SumPerImage, all |> List.filter (fun (from, _) -> from > t), t
          Lib.EsdLatent.Clean, Loss.MeanAll, late, drawn
          Lib.EsdLatent.Late, Loss.MeanAll, late |> List.filter (fun (from, _) -> from >= (List.rev times)[max 0 (place - 1)]), drawn ] do
        use model = new ToyDenoiser(scene.Theta)
        let method = Lib.Esd(Lib.Balance(0.0, 1.0), 1.5, Lib.Guidance.ByScale 3.0, 4, Latent = latent)
        use rule = method.Prepare(contextOf scene model)
        let update = Seq.exactlyOne (rule.Updates 0)
        let value, _ = Components.differentiate model update.Loss.Invoke
        Expect.near 1e-8 (erased reduction 1.5 3.0 scene way at) value
        Expect.equal (latent = Lib.EsdLatent.Aligned) (method :> Lib.IUnlearningMethod).Clips

[<Law("L28", 30)>]
let ``a frozen copy keeps its weights while the network moves, and gives the network back`` (scene: Scene) (moved: float) =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    use frozen = new Lib.FrozenWeights(model)
    let now = scene.Theta |> Array.map (fun p -> p + moved + 1.0)
    model.Parameters.Load(vector now)
    let seen = frozen.Under(fun () -> model.Parameters.Values.clone ())
    Expect.equal scene.Theta (floats seen)
    Expect.equal now (floats model.Parameters.Values)
    Expect.holds "dropout is off" (model :> Lib.IDenoiser).Training

let private eraseDiff reading =
    Lib.EraseDiff(equalWeights, Components.passes, Nullable(), Loop = Lib.EraseDiffLoop.Of reading)

[<Law("L26", 40)>]
let ``EraseDiff takes its inner loop back, and its average is the specification's`` (scene: Scene) =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    use rule = (eraseDiff Lib.MethodReading.AsPublished).Prepare(contextOf scene model)

    let forget draws theta =
        let target (draw: Loss.Draw<int>) =
            Loss.predict scene.Table (Toy.net theta) { draw with Condition = Components.benign draw.Condition }

        Loss.towards Loss.SumPerImage scene.Table target (Toy.net theta) draws,
        Clip.toNorm 1.0 (Toy.gradient Loss.SumPerImage scene.Table target theta draws)

    let draws = scene.Draws.Unlearning
    let start = Adam.start Toy.parameters
    let average, _ = EraseDiff.inner Components.passes (Adam.standard 0.01) forget Array.length scene.Theta start [ draws ]
    let retain = Loss.eps Loss.SumPerImage scene.Table (Toy.net scene.Theta) scene.Draws.Retain
    let expected = EraseDiff.objective 0.5 retain (fst (forget draws scene.Theta)) average
    use trainer = trainer model rule
    let progress = trainer.Step()
    Expect.near (1e-7 * (1.0 + retain)) expected progress.Loss
    Expect.equal (int64 Components.passes + 1L) progress.Updates
    Expect.equal 1L trainer.Adam.Steps // its moments are the outer step's alone

    // one step of size lr from the start, not from where the inner loop ended
    for before, after in Array.zip scene.Theta (floats model.Parameters.Values) do
        Expect.holds $"{before} became {after}" (abs (after - before) <= 0.01 * (1.0 + 1e-9))

[<Law("L26", 20)>]
let ``the released EraseDiff runs whole passes through the outer Adam, once a round`` (scene: Scene) =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    let length = scene.Draws.Unlearning.Length // a pass gives the images one by one
    use rule = (eraseDiff Lib.MethodReading.AsReleased).Prepare(contextOf scene model)
    let inner k = rule.Updates k |> Seq.filter _.Inner |> Seq.length
    Expect.equal (Components.passes * length) (inner 0)

    for k in 1 .. length - 1 do
        Expect.equal 0 (inner k)

    Expect.equal (Components.passes * length) (inner length)
    Expect.holds "a private optimiser" (rule.Updates 0 |> Seq.forall (fun update -> isNull update.Optimizer))

[<Law("L44", 10)>]
let ``EraseDiff as released goes on bit for bit from what it says it remembers`` (scene: Scene) (at: PositiveInt) =
    use scope = torch.NewDisposeScope()
    let steps = 5
    let k = at.Get % (steps - 1) + 1

    for reading in [ Lib.MethodReading.AsReleased; Lib.MethodReading.AsReleasedInUnlearnCanvas ] do
        // The benchmark's copy pairs the batches image by image.
        let scene =
            { scene with
                Draws.Retain = Array.replicate 4 scene.Draws.Retain[0] }

        use whole = new ToyDenoiser(scene.Theta)
        use rule = (eraseDiff reading).Prepare(contextOf scene whole)
        use running = trainer whole rule
        let losses = [ for _ in 1..steps -> running.Step().Loss ]

        use first = new ToyDenoiser(scene.Theta)
        use firstRule = (eraseDiff reading).Prepare(contextOf scene first)
        use before = trainer first firstRule

        for _ in 1..k do
            before.Step() |> ignore

        use second = new ToyDenoiser(scene.Theta)
        use secondRule = (eraseDiff reading).Prepare(contextOf scene second)
        use after = trainer second secondRule
        second.Parameters.Load first.Parameters.Values
        after.Adam.FirstMoment.copy_ before.Adam.FirstMoment |> ignore
        after.Adam.SecondMoment.copy_ before.Adam.SecondMoment |> ignore
        after.Adam.Steps <- before.Adam.Steps
        after.Iteration <- before.Iteration

        for entry in secondRule.Memory do
            entry.Value.copy_ firstRule.Memory[entry.Key] |> ignore

        Expect.equal (List.skip k losses) [ for _ in k + 1 .. steps -> after.Step().Loss ]
        Expect.equal (bits whole.Parameters.Values) (bits second.Parameters.Values)

[<Law("L23", 20)>]
let ``under every method a weight that is not selected keeps its bits`` (scene: Scene) =
    use scope = torch.NewDisposeScope()

    for case in Components.methods do
        use model = new ToyDenoiser(scene.Theta)
        let selected = (Lib.ParameterSelection.Parse "cl*s").Mask model.Parameters
        let context = Contexts.Changed(contextOf scene model, selected = selected)
        use rule = (Components.create case true (Loss.lambda 1.0)).Prepare context
        use trainer = trainer model rule

        for _ in 1..3 do
            trainer.Step() |> ignore

        let after = floats model.Parameters.Values
        Expect.equal scene.Theta[..1] after[..1]

[<Test; Category "L23">]
let ``weights are selected by name: all, cross-attention, patterns, exceptions`` () =
    let chosen text =
        let selection = Lib.ParameterSelection.Parse text

        [ "conv.weight"; "norm2.weight"; "attn1.q.bias"; "attn2.q.weight" ]
        |> List.filter selection.Includes.Invoke

    Expect.equal 4 (chosen "all").Length
    Expect.equal [ "attn2.q.weight" ] (chosen "cross-attention")
    Expect.equal [ "attn2.q.weight" ] (chosen "*attn*, !*.bias")
    Expect.equal [ "conv.weight"; "norm2.weight" ] (chosen "!*attn*")
    use model = new ToyDenoiser(Array.zeroCreate Toy.parameters)

    let message =
        World.mistake "a selection of nothing" (fun () -> (Lib.ParameterSelection.Parse "cross-attention").Mask model.Parameters |> ignore)

    Expect.holds message (message.Contains "cross-attention" && message.Contains "pattern")

let private loaded loader seed =
    Lib.SeededBatches(
        World.schedule,
        Lib.DrawSettings(BatchSize = 4, DropProbability = 0.0, Flip = (loader = Lib.Loader.WholeEpochs), Loader = loader),
        Lib.Seed seed,
        torch.CPU
    )
    :> Lib.IBatchSource

[<Law("L21", 5)>]
let ``a shuffled loader reaches every image, the first-batch loader the same few for ever`` (seed: PositiveInt) =
    use scope = torch.NewDisposeScope()
    use data = World.data (int64 seed.Get)
    let pairing = Lib.Pairing.Forget(data, World.unlearned)

    let images loader =
        let source = loaded loader (int64 seed.Get)

        [ for step in 0..3 do
              let batch = source.Next(pairing, step)
              for i in 0L .. batch.Clean.shape[0] - 1L -> bits (batch.Clean.index (torch.TensorIndex.Single i)) ]
        |> List.distinct
        |> List.length

    Expect.equal pairing.Count (images Lib.Loader.Shuffled)
    Expect.equal 4 (images Lib.Loader.FirstBatch)

[<Law("L21", 5)>]
let ``a loader of whole epochs shows every image once an epoch, the last batch smaller`` (seed: PositiveInt) =
    use scope = torch.NewDisposeScope()
    use data = World.data (int64 seed.Get)
    let pairing = Lib.Pairing.Retain(data, World.unlearned)
    let reader = pairing.Read(Lib.Seed(int64 seed.Get))
    let size = 4 + seed.Get % 3
    let steps = (pairing.Count + size - 1) / size

    for epoch in 0..2 do
        let places = [ for k in 0 .. steps - 1 -> reader.Places(int64 (epoch * steps + k), size, true) ]
        Expect.equal [ 0 .. pairing.Count - 1 ] (places |> Seq.concat |> Seq.map int |> Seq.sort |> List.ofSeq)
        Expect.equal (pairing.Count - (steps - 1) * size) (List.last places).Length

[<Law("L31", 5)>]
let ``frozen mirroring shows an image one way only, in every epoch`` (seed: PositiveInt) =
    use scope = torch.NewDisposeScope()
    use data = World.data (int64 seed.Get)
    let pairing = Lib.Pairing.Retain(data, World.unlearned)
    let source = loaded Lib.Loader.WholeEpochs (int64 seed.Get)

    let shown =
        [ for step in 0 .. 5 * pairing.Count / 4 do
              let batch = source.Next(pairing, step)
              for i in 0L .. batch.Clean.shape[0] - 1L -> bits (batch.Clean.index (torch.TensorIndex.Single i)) ]

    Expect.equal pairing.Count (List.distinct shown).Length

[<Test; Category "L13">]
let ``every reading of every method is built and trains, or is refused with its reason`` () =
    use data = World.data 1L

    for case in Components.methods do
        for reading in Enum.GetValues<Lib.MethodReading>() do
            use scope = torch.NewDisposeScope()
            let settings = Lib.MethodSettings(Name = case.Name, Reading = reading, DenoisingSteps = 3, PruneBatches = 1)

            match
                (try
                    Ok(Lib.MethodRegistry.Create settings)
                 with :? Lib.UserError as error ->
                     Error error.Message)
            with
            | Error message ->
                Expect.holds message (reading <> Lib.MethodReading.AsPublished)
                Expect.holds message (message.Contains case.Name && message.Contains "use as-published")
            | Ok method ->
                let expected =
                    if reading = Lib.MethodReading.AsPublished then
                        "as published"
                    else
                        "as released ("

                Expect.holds $"{case.Name}: {method.Reading}" (method.Reading.StartsWith expected)
                Expect.holds method.Reading (reading = Lib.MethodReading.AsPublished || method.Reading.Contains '@')
                use model = World.unet 0.0 1L

                let source =
                    Lib.SeededBatches(World.schedule, Lib.DrawSettings(BatchSize = 4, Loader = method.Loader), Lib.Seed 1L, torch.CPU)

                use rule = method.Prepare(World.context model data source)
                use trainer = trainer model rule
                let losses = [ for _ in 1..2 -> trainer.Step().Loss ]
                Expect.holds $"{case.Name} {reading}: {losses}" (losses |> List.forall Double.IsFinite)
                Expect.holds $"{case.Name} {reading}: fewer updates than announced" (trainer.Updates >= int64 method.UpdatesPerIteration)
