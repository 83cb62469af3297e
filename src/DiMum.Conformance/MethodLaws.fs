/// What any unlearning method owes, whatever its equation: laws that see it only through its interface.
module DiMum.Conformance.MethodLaws

open System
open System.Collections.Generic
open FsCheck
open TorchSharp
open DiMum.Spec
open Tensors

let private clip = 1.0

let private law id sentence body = Law.over typeof<Generators> 25 id sentence body

/// The method prepared on the toy network at the scene's θ.
let private preparedOn (source: Lib.IBatchSource) (subject: CheckedMethod) (scene: Scene) work =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    let context = Components.context model (Components.schedule scene.Schedule) source clip
    use rule = subject.Method.Prepare context
    work model rule

let private prepared subject scene work = preparedOn (SceneBatches scene) subject scene work

/// Losses and gradients of the updates of an iteration, θ held.
let private updates (model: ToyDenoiser) (rule: Lib.IUpdateRule) iteration =
    [ for update in rule.Updates iteration -> Components.differentiate model update.Loss.Invoke ]

let private settings (subject: CheckedMethod) =
    Lib.TrainerSettings(10, Lib.LearningRate 0.01, Adam = subject.Method.Optimizer)

let states =
    law "L51" "a method says its name, its reading and its source" (fun (subject: CheckedMethod) () ->
        let method = subject.Method
        Expect.holds "the name is empty" (not (String.IsNullOrWhiteSpace method.Name))
        Expect.holds "the source is empty" (not (String.IsNullOrWhiteSpace method.Source))

        Expect.holds
            $"the reading is '{method.Reading}', expected 'as published' or 'as released (repo@commit)'"
            (method.Reading = "as published"
             || method.Reading.StartsWith("as released", StringComparison.Ordinal)))

let preparing =
    law "L25" "preparing leaves weights, gradient and mode as they are, and gives the same rule twice" (fun subject (scene: Scene) ->
        let once () =
            prepared subject scene (fun model rule ->
                Expect.equal scene.Theta (floats model.Parameters.Values)
                Expect.holds "a gradient is left" (floats model.Parameters.Gradient |> Array.forall (fun g -> g = 0.0))
                Expect.holds "the network is left in evaluation mode" (model :> Lib.IDenoiser).Training
                updates model rule 0)

        let first = once ()
        Expect.holds "another rule the second time" (first = once ()))

let leavingWeights =
    law "L26" "only the optimiser moves weights: an iteration's updates leave them where they are" (fun subject (scene: Scene) ->
        prepared subject scene (fun model rule ->
            for iteration in 0..1 do
                updates model rule iteration |> ignore
                Expect.equal scene.Theta (floats model.Parameters.Values)))

let counting =
    law "L52" "an iteration has as many updates as the method declares" (fun subject (scene: Scene) ->
        prepared subject scene (fun model rule ->
            for iteration in 0..1 do
                Expect.equal subject.Method.UpdatesPerIteration (updates model rule iteration).Length))

/// A row of a prediction: what the network was asked about an image.
let private row table (draw: Loss.Draw<int>) condition =
    Forward.noised table draw.Time draw.Image draw.Noise, draw.Time, condition

let private sameRow (x: float[], t: int, c: int) (y: float[], s: int, d: int) =
    t = s && c = d && Array.forall2 (fun a b -> abs (a - b) < 1e-9) x y

let targets =
    law "L14" "no gradient flows through a prediction under another condition than the image's own" (fun subject (scene: Scene) ->
        // A method may read several batches an iteration, each at times of its own.
        let atEveryStep (draws: Loss.Draw<int>[]) =
            [| for step in 0..5 do
                   for draw in draws -> { draw with Time = (draw.Time + step) % scene.Schedule.Steps } |]

        let draws = Array.append scene.Draws.Retain scene.Draws.Unlearning |> atEveryStep
        let own = draws |> Array.map (fun draw -> row scene.Table draw draw.Condition)

        let relabelled =
            atEveryStep scene.Draws.Unlearning
            |> Array.map (fun draw -> row scene.Table draw (Components.benign draw.Condition))

        // Where a relabelled image is also a drawn one, nobody can tell the two predictions apart.
        let clear = relabelled |> Array.forall (fun r -> not (Array.exists (sameRow r) own))

        if clear && not subject.Claims.GradientThroughTargets then
            let isOwn (x: Tensor, t: Tensor, condition: Lib.Condition) =
                let pixels = floats x |> Array.chunkBySize scene.Draws.Retain[0].Image.Length

                isNull condition.Keep
                && Array.zip3 pixels (wholes t) (wholes condition.Value)
                   |> Array.forall (fun r -> Array.exists (sameRow r) own)

            let gradients cut =
                prepared subject scene (fun model rule ->
                    model.Intercept <- fun asked output -> if cut && not (isOwn asked) then output.detach () else output
                    updates model rule 0)

            Expect.equal (gradients true |> List.map snd) (gradients false |> List.map snd))

let private transformed (update: Lib.Update) (gradient: float[]) =
    use scope = torch.NewDisposeScope()
    let flat = vector gradient
    update.Transform.Apply flat
    floats flat

let private maskOf update =
    let small = 1e-3
    transformed update (Array.create Toy.parameters small) |> Array.map (fun g -> g / small)

let transforming =
    law
        "L24"
        "gradients are clipped, and masked by zeros and ones, in the order that is claimed"
        (fun subject (scene: Scene) (gradient: NonEmptyArray<float>) ->
            if subject.Claims.Order <> TransformOrder.Own then
                let gradient = Array.init Toy.parameters (fun i -> gradient.Get[i % gradient.Get.Length])

                prepared subject scene (fun model rule ->
                    for update in rule.Updates 0 do
                        Components.differentiate model update.Loss.Invoke |> ignore
                        let mask = maskOf update

                        Expect.holds
                            $"a small gradient of equal entries comes out times %A{mask}: no mask of zeros and ones"
                            (mask |> Array.forall (fun m -> abs m < 1e-9 || abs (m - 1.0) < 1e-9))

                        let inside = mask |> Array.map (fun m -> m > 0.5)
                        let actual = transformed update gradient
                        let near expected = Array.forall2 (fun a b -> abs (a - b) < 1e-9) expected actual
                        let clipFirst = near (SalUn.transform clip inside gradient)
                        let maskFirst = near (SfrOn.transform clip inside gradient)

                        match subject.Claims.Order with
                        | TransformOrder.ClipThenMask -> Expect.holds $"not clipped, then masked: %A{actual}" clipFirst
                        | TransformOrder.MaskThenClip -> Expect.holds $"not masked, then clipped: %A{actual}" maskFirst
                        | _ -> Expect.holds $"neither order of clip and mask gives %A{actual}" (clipFirst || maskFirst)))

let private trained subject (model: ToyDenoiser) rule steps =
    use trainer = new Lib.Trainer(model, rule, settings subject, Lib.Seed 3L)

    for _ in 1..steps do
        trainer.Step() |> ignore

let masking =
    law "L23" "a weight outside the mask keeps its bits, and no more weights move than the claimed share" (fun subject (scene: Scene) ->
        if subject.Claims.Order <> TransformOrder.Own then
            prepared subject scene (fun model rule ->
                let held =
                    [ for update in rule.Updates 0 do
                          Components.differentiate model update.Loss.Invoke |> ignore
                          maskOf update ]
                    |> List.reduce (Array.map2 max)

                trained subject model rule 3
                let moved = Array.map2 (<>) scene.Theta (floats model.Parameters.Values)

                for i in 0 .. moved.Length - 1 do
                    Expect.holds $"weight {i} moved outside the mask" (not moved[i] || held[i] > 0.5)

                if subject.Claims.MovingShare.HasValue then
                    let most = int (subject.Claims.MovingShare.Value * float Toy.parameters)
                    let count = moved |> Array.filter id |> Array.length
                    Expect.holds $"{count} of {Toy.parameters} weights moved, at most {most} may" (count <= most)))

let reading =
    law "L21" "every iteration reads batches of its own" (fun subject (scene: Scene) ->
        let source = SceneBatches scene

        preparedOn source subject scene (fun model rule ->
            let perIteration =
                [ for iteration in 0..2 do
                      let before = source.Asked.Length
                      updates model rule iteration |> ignore
                      source.Asked |> List.skip before |> List.distinct ]

            let all = List.concat perIteration

            for pairing, step in all do
                let times = all |> List.filter ((=) (pairing, step)) |> List.length
                Expect.holds $"{times} of 3 iterations read the {pairing} batch of step {step}" (times = 1)))

let ordering =
    law "L22" "the order of the images within a batch does not matter" (fun subject (scene: Scene) ->
        let size = Loss.eps Loss.SumPerImage scene.Table (Toy.net scene.Theta)
        let tolerance = 1e-9 * (1.0 + size scene.Draws.Retain + size scene.Draws.Unlearning)

        let under arrange =
            preparedOn (SceneBatches(scene, arrange)) subject scene (fun model rule -> updates model rule 0)

        for (loss, gradient), (otherLoss, otherGradient) in List.zip (under id) (under Array.rev) do
            Expect.near tolerance loss otherLoss
            Expect.allNear tolerance gradient otherGradient)

/// Steps with one trainer, or with two and everything set up anew between them.
let private run (subject: CheckedMethod) (scene: Scene) (stops: int list) =
    use scope = torch.NewDisposeScope()
    let mutable theta, first, second, done', moves = vector scene.Theta, [||], [||], 0, 0L
    let mutable memory = Map.empty

    for steps in stops do
        use model = new ToyDenoiser(scene.Theta)
        let context = Components.context model (Components.schedule scene.Schedule) (SceneBatches scene) clip
        use rule = subject.Method.Prepare context
        use trainer = new Lib.Trainer(model, rule, settings subject, Lib.Seed 3L)
        model.Parameters.Load theta

        if done' > 0 then
            trainer.Adam.FirstMoment.copy_ (vector first) |> ignore
            trainer.Adam.SecondMoment.copy_ (vector second) |> ignore
            trainer.Iteration <- done'
            trainer.Adam.Steps <- moves

            for entry in rule.Memory do
                entry.Value.copy_ (shaped entry.Value.shape memory[entry.Key]) |> ignore

        for _ in 1..steps do
            trainer.Step() |> ignore

        done' <- done' + steps
        moves <- trainer.Adam.Steps
        theta <- model.Parameters.Snapshot()
        first <- floats trainer.Adam.FirstMoment
        second <- floats trainer.Adam.SecondMoment
        memory <- Map [ for entry in rule.Memory -> entry.Key, floats entry.Value ]

    floats theta, first, second

let resuming =
    law "L44" "a loop set up anew after one step goes on bit for bit" (fun subject (scene: Scene) ->
        Expect.equal (run subject scene [ 3 ]) (run subject scene [ 1; 2 ]))

let seeding =
    law "L53" "the global random generator decides nothing" (fun subject (scene: Scene) ->
        let under (seed: int64) =
            torch.manual_seed seed |> ignore
            run subject scene [ 2 ]

        Expect.equal (under 1L) (under 2L))

let leaving =
    law "L47" "preparing, stepping and disposing leave no tensor, and a step leaves no graph" (fun subject (scene: Scene) ->
        leavesNothing "from set-up to the end" (fun () ->
            use model = new ToyDenoiser(scene.Theta)

            do
                use scope = torch.NewDisposeScope()
                let context = Components.context model (Components.schedule scene.Schedule) (SceneBatches scene) clip
                use rule = subject.Method.Prepare context
                use trainer = new Lib.Trainer(model, rule, settings subject, Lib.Seed 3L)

                leavesNothing "two steps" (fun () ->
                    trainer.Step() |> ignore
                    trainer.Step() |> ignore)

            for entry in model.Parameters.Entries do
                Expect.holds $"{entry.Name} is no leaf" (entry.Value.is_leaf && entry.Value.requires_grad)

            Expect.holds "θ carries a graph" (not model.Parameters.Values.requires_grad)))

let private permute (rename: int -> int) (theta: float[]) =
    theta |> Array.permute (fun k -> if k < 2 then k else 2 + rename (k - 2))

let renaming =
    Law.over
        typeof<Generators>
        3
        "L30"
        "renaming the classes of data, network and request renames the result"
        (fun (subject: CheckedMethod) (seed: PositiveInt) (shift: PositiveInt) ->
            let seed = int64 seed.Get
            let rename label = (label + shift.Get) % World.classes
            let start = [| 0.2; -0.1; 0.3; -0.2; 0.1 |]

            let result rename =
                use scope = torch.NewDisposeScope()
                use data = World.dataOf rename seed
                use model = new ToyDenoiser(permute rename start)
                use rule = subject.Method.Prepare(World.contextOf model data (World.batches seed) (rename 0) (rename 1))
                trained subject model rule 3
                floats model.Parameters.Values

            result rename |> Expect.allNear 1e-9 (permute rename (result id)))

/// All of them.
let all: IReadOnlyList<ComponentLaw<CheckedMethod>> =
    [ states
      preparing
      leavingWeights
      counting
      targets
      transforming
      masking
      reading
      ordering
      resuming
      seeding
      leaving
      renaming ]
