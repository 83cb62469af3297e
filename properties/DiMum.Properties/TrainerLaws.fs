/// The training loop: what it keeps, what it leaves, and that it goes on where it stopped.
module DiMum.Properties.TrainerLaws

open System
open System.Collections.Generic
open System.IO
open System.Threading
open NUnit.Framework
open FsCheck
open TorchSharp
open DiMum.Spec
open Tensors

type private TrainingPlan = global.DiMum.Runs.TrainingPlan
type private TrainingLoop = global.DiMum.Runs.TrainingLoop

let private run steps (trainer: Lib.Trainer) =
    for _ in 1..steps do
        trainer.Step() |> ignore

/// Everything that a loop's future depends on.
let private state (model: Lib.ITrainableDenoiser) (trainer: Lib.Trainer) =
    [ "theta", bits model.Parameters.Values
      "m", bits trainer.Adam.FirstMoment
      "v", bits trainer.Adam.SecondMoment
      "shadow", bits (nonNull trainer.Ema).Shadow ]

/// A rule on a network that starts from the seed's weights, with a trainer.
let private start (_: string, rule: Lib.ITrainableDenoiser -> Lib.Dataset -> Lib.IBatchSource -> Lib.IUpdateRule) data (seed: int64) =
    let model = World.unet 0.2 seed
    let rule = rule model data (World.batches seed)
    model, rule, new Lib.Trainer(model, rule, World.settings, Lib.Seed seed)

let private interrupted =
    World.rules
    |> List.filter (fun (name, _) -> List.contains name [ "DiMUM"; "SFR-on"; "DiMRA"; "SalUn" ])

[<Law("L44", 2)>]
let ``a loop that is put away and set up anew goes on bit for bit, dropout included`` (seed: PositiveInt) (at: PositiveInt) =
    let seed, n = int64 seed.Get, 4
    let k = at.Get % (n - 1) + 1
    use data = World.data seed

    for rule in interrupted do
        use scope = torch.NewDisposeScope()
        let model, updates, trainer = start rule data seed
        run n trainer
        let expected = state model trainer
        trainer.Dispose()
        updates.Dispose()
        model.Dispose()

        let model, updates, trainer = start rule data seed
        run k trainer
        let parts = [ model.Parameters.Values; trainer.Adam.FirstMoment; trainer.Adam.SecondMoment; (nonNull trainer.Ema).Shadow ]
        let saved = parts |> List.map _.clone()
        let iteration, steps = trainer.Iteration, trainer.Adam.Steps
        trainer.Dispose()
        updates.Dispose()
        model.Dispose()

        torch.manual_seed 12345L |> ignore // nothing may depend on the global generator
        let model, updates, trainer = start rule data seed
        model.Parameters.Load saved[0]
        trainer.Adam.FirstMoment.copy_ saved[1] |> ignore
        trainer.Adam.SecondMoment.copy_ saved[2] |> ignore
        (nonNull trainer.Ema).Shadow.copy_ saved[3] |> ignore
        trainer.Iteration <- iteration
        trainer.Adam.Steps <- steps
        run (n - k) trainer

        for (what, wanted), (_, got) in List.zip expected (state model trainer) do
            Expect.holds $"{fst rule}: {what} differs after going on from {k} of {n}" (wanted = got)

        trainer.Dispose()
        updates.Dispose()
        model.Dispose()

[<Law("L47", 1)>]
let ``a step of any method, and of the attack, leaves no tensor and no graph`` (seed: PositiveInt) =
    let seed = int64 seed.Get

    for name, rule in World.rules do
        leavesNothing $"{name}, from set-up to the end" (fun () ->
            use data = World.data seed
            let model, updates, trainer = start (name, rule) data seed
            run 1 trainer

            leavesNothing $"{name}, two steps" (fun () -> run 2 trainer)

            for entry in model.Parameters.Entries do
                Expect.holds $"{name}: {entry.Name} is no leaf" (entry.Value.is_leaf && entry.Value.requires_grad)

            for what, flat in
                [ "theta", model.Parameters.Values
                  "gradient", model.Parameters.Gradient
                  "m", trainer.Adam.FirstMoment
                  "v", trainer.Adam.SecondMoment
                  "shadow", (nonNull trainer.Ema).Shadow ] do
                Expect.holds $"{name}: {what} carries a graph" (not flat.requires_grad && flat.is_leaf)

            trainer.Dispose()
            updates.Dispose()
            model.Dispose())

[<Test; Category "L47">]
let ``training the classifier leaves no tensor`` () =
    use data = World.data 1L
    use generator = (Lib.Seed 1L).Generator()

    leavesNothing "the classifier" (fun () ->
        use classifier = new Lib.ImageClassifier(Lib.ClassifierConfig(3, 1, [| 8 |]), torch.CPU, generator)
        Lib.ClassifierTraining.Train(classifier, data, Lib.ClassifierTrainingSettings(3, 5, 1e-3, Flip = true), Lib.Seed 1L)
        Lib.ClassifierTraining.Accuracy(classifier, data, "tiny") |> ignore)

[<Test; Category "L44">]
let ``dropout is drawn anew at every step and from the step's seed alone`` () =
    use scope = torch.NewDisposeScope()
    use none = torch.no_grad ()
    use model = World.unet 0.5 2L
    let x = torch.ones (1L, 1L, 8L, 8L)

    let predict (seed: int64) =
        model.SeedDropout(Lib.Seed seed)
        bits (model.Predict(x, integers [| 3 |], Lib.Condition(integers [| 1 |])))

    let first = predict 1L
    torch.manual_seed 9L |> ignore
    Expect.equal first (predict 1L)
    Expect.holds "the same units dropped under another seed" (first <> predict 2L)
    (model :> Lib.IDenoiser).Training <- false
    Expect.equal (predict 1L) (predict 2L)

[<Test; Category "L44">]
let ``a loss that is not finite stops the loop with one clear line`` () =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(Array.zeroCreate Toy.parameters)
    let update = Lib.Update((fun () -> model.Parameters["shared"].Value.sum().div(scalar 0.0)), Lib.GradientTransform.None)

    let rule =
        { new Lib.IUpdateRule with
            member _.Updates _ = [ update ]
          interface IDisposable with
              member _.Dispose() = () }

    use trainer = new Lib.Trainer(model, rule, World.settings, Lib.Seed 1L)
    let message = World.mistake "a diverged loss" (fun () -> trainer.Step() |> ignore)
    Expect.holds message (message.Contains "diverged" && message.Contains "iteration 0")

/// Stops the loop when it has done `at` iterations.
type private Stopping(at: int, stop: CancellationTokenSource) =
    interface Lib.IRunObserver with
        member _.Begin(_, _, _) = ()

        member _.Advance(_, ``done``, _) =
            if ``done`` = at then
                stop.Cancel()

        member _.End(_, _, _) = ()
        member _.Note _ = ()

[<Law("L44", 1)>]
let ``a stage that is stopped anywhere and run again ends in the same files`` (seed: PositiveInt) (at: PositiveInt) =
    let seed, n = int64 seed.Get, 5
    use data = World.data seed

    let once folder (observer: Lib.IRunObserver) cancel =
        use model = World.unet 0.2 seed
        use rule = Lib.DiMRA.Rule(model, World.schedule, World.batches seed, World.auxiliary data, World.clip)
        let stage = Lib.StageFolder(folder, "stage", "key")
        let settings = Lib.TrainerSettings(n, Lib.LearningRate 2e-3, EmaRate = Nullable 0.9)

        let plan = TrainingPlan(stage, model, rule, settings, Lib.Seed seed, 2, (HashSet<int>() :> IReadOnlySet<int>), null)

        (TrainingLoop(observer, cancel)).Run plan |> ignore
        File.ReadAllBytes stage.Model, File.ReadAllText stage.Metrics

    let whole = World.inFolder (fun folder -> once folder (Lib.SilentObserver()) CancellationToken.None)

    World.inFolder (fun folder ->
        use stop = new CancellationTokenSource()

        try
            once folder (Stopping(at.Get % (n - 1) + 1, stop)) stop.Token |> ignore
            failwith "the loop was not stopped"
        with :? OperationCanceledException ->
            ()

        let again = once folder (Lib.SilentObserver()) CancellationToken.None
        Expect.holds "another loss log" (snd again = snd whole)
        Expect.holds "other weights" (fst again = fst whole))
