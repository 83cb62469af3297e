/// What solvers owe: those of the library by their records, anybody's by what can be seen of them.
module DiMum.Conformance.SolverLaws

open System
open System.Collections.Generic
open FsCheck
open TorchSharp
open DiMum.Spec
open SolverCases
open Tensors
open SolverRuns

let times =
    law "L1" "the times of all calls lie below T and go one way" (fun case (recipe: Recipe) ->
        forAll case recipe (fun _ solver ->
            let times = List.ofSeq (solver plain).Times
            Expect.holds "no time at all" (not times.IsEmpty)

            Expect.holds
                $"%A{times} does not lie below {recipe.Steps}"
                (times |> List.forall (fun t -> t >= 0.0 && t < float recipe.Steps))

            let sorted = List.sort times
            Expect.holds $"%A{times} goes to and fro" (times = sorted || times = List.rev sorted)))

let calling =
    law "L1" "there are as many calls as the number of steps says" (fun case (recipe: Recipe) ->
        forAll case recipe (fun steps solver -> Expect.equal (case.Calls recipe.Steps steps) (solver plain).Times.Count))

/// Unbounded, and bounded where the image lies anyway.
let private readings (case: SolverCase) =
    [ for prediction in case.Reads do
          Lib.OutputReading prediction
          Lib.OutputReading(prediction, Nullable 1.0) ]

let private inside (image: NonEmptyArray<float>) = image.Get |> Array.map (fun x -> x / 10.0)

let oracle =
    law
        "L6"
        "a network that knows the clean image leads there where the last level is clean, from anywhere and whatever the noise"
        (fun case (recipe: Recipe) (count: PositiveInt) (image: NonEmptyArray<float>) ->
            at case recipe count (fun _ make ->
                let image = inside image

                for reading in readings case do
                    let solver = make reading

                    if case.End recipe.Table solver = (1.0, 0.0) then
                        let network x _ call =
                            let signal, spread = level solver call
                            let noise = Array.map2 (fun x clean -> (x - signal * clean) / spread) x image
                            says reading.Prediction (signal, spread) image noise

                        run solver (waves 1.0) (Array.map cos image) network quiet
                        |> Expect.allNear (1e-12 * growth recipe + 1e-9) image))

let along =
    law
        "L6"
        "where no noise is added, a network that knows image and noise is followed: every call ends at the image noised by that noise"
        (fun case (recipe: Recipe) (count: PositiveInt) (image: NonEmptyArray<float>) ->
            at case recipe count (fun _ make ->
                let image = inside image
                let noise = Array.map sin image

                if not case.Draws then
                    for reading in readings case do
                        let solver = make reading
                        let noised call = floats (solver.Noised(row image, row noise, call))

                        let expected call =
                            if call < solver.Times.Count then
                                noised call
                            else
                                let signal, spread = case.End recipe.Table solver
                                Array.map2 (fun x e -> signal * x + spread * e) image noise

                        let network _ _ call = says reading.Prediction (level solver call) image noise

                        let onStep call x = Expect.allNear (1e-12 * growth recipe + 1e-9) (expected (call + 1)) x

                        run solver (waves 1.0) (noised 0) network onStep |> ignore))

let noiseless =
    law "L6" "noise decides where the solver says so and nowhere else" (fun case (recipe: Recipe) (count: PositiveInt) (start: float) ->
        at case recipe count (fun _ make ->
            let solver = make plain
            let under scale = run solver (waves scale) [| start |] wavy quiet

            // A single step goes to the clean image, which has no noise.
            if not case.Draws then
                Expect.equal (under 1.0) (under 2.0)
            elif solver.Times.Count > 1 then
                Expect.holds "noise changes nothing" (under 1.0 <> under 2.0)))

let lastStep =
    law "L8" "at the last step noise changes nothing" (fun case (recipe: Recipe) (count: PositiveInt) (start: float) ->
        at case recipe count (fun _ make ->
            let solver = make plain

            let under last =
                let mutable calls, asked = 0, 0

                let network x t call =
                    calls <- call + 1
                    wavy x t call

                let noise =
                    Lib.NoiseSource(fun shape ->
                        asked <- asked + 1

                        wave asked (int shape[1])
                        |> Vector.scale (if calls = solver.Times.Count then last else 1.0)
                        |> shaped (shape.ToArray()))

                run solver noise [| start |] network quiet

            if case.End recipe.Table solver = (1.0, 0.0) then
                Expect.equal (under 1.0) (under 2.0)))

let specification =
    law
        "L58"
        "the way is the specification's, at every setting"
        (fun case (recipe: Recipe) (count: PositiveInt) (start: NonEmptyArray<float>) ->
            at case recipe count (fun steps make ->
                let solver = make plain
                let expected = case.Way(specified recipe steps solver start.Get)

                run solver (waves 1.0) start.Get wavy quiet
                |> Expect.allNear (1e-9 * growth recipe * size expected) expected))

let predicting =
    law
        "L58"
        "the way is the same whether the network says noise, velocity or image"
        (fun case (recipe: Recipe) (count: PositiveInt) (start: NonEmptyArray<float>) ->
            at case recipe count (fun _ make ->
                let under (prediction: Lib.Prediction) =
                    let solver = make (Lib.OutputReading prediction)

                    let network x t call =
                        let signal, spread = level solver call
                        let noise = wavy x t call
                        let image = Array.map2 (fun x e -> (x - spread * e) / signal) x noise
                        says prediction (signal, spread) image noise

                    run solver (waves 1.0) start.Get network quiet

                let expected = under Lib.Prediction.Noise

                for prediction in case.Reads do
                    under prediction |> Expect.allNear (1e-9 * growth recipe * size expected) expected))

let first =
    law
        "L7"
        "a solver of first order is DDIM with η = 0 at its times"
        (fun case (recipe: Recipe) (count: PositiveInt) (start: NonEmptyArray<float>) ->
            at case recipe count (fun steps make ->
                let solver = make plain
                let whole = solver.Times |> Seq.forall (fun t -> t = round t)
                let ofTimes = Set [ for c in 0 .. solver.Times.Count - 1 -> level solver c |> fst |> Operators.float32 ]

                let table = Set [ for t in solver.Times -> Operators.float32 (sqrt recipe.Table.AlphaBar[int t]) ]

                // Real times and spaced levels lie between the schedule's.
                if case.First && whole && ofTimes = table then
                    let times = solver.Times |> Seq.map int |> List.ofSeq
                    let signal, spread = case.End recipe.Table solver
                    let final = if spread = 0.0 then -1 else 0

                    let scale =
                        if solver :? Lib.SigmaSolver then
                            sqrt (recipe.Table.AlphaBar[times.Head])
                        else
                            1.0

                    let still = times |> List.map (fun _ -> Array.map (fun _ -> 0.0) start.Get)
                    let move = Reverse.ddim 0.0 Reverse.Unbounded recipe.Table

                    let expected =
                        Reverse.sample
                            move
                            (fun x i -> wavy x (float i) 0)
                            still
                            (Reverse.transitions final times)
                            (Vector.scale scale start.Get)
                        |> Vector.scale (signal / sqrt (Schedule.alphaBar recipe.Table final))

                    run solver (waves 1.0) start.Get wavy quiet
                    |> Expect.allNear (1e-9 * growth recipe * size expected) expected))

let linear =
    law
        "L59"
        "under a linear network the way is linear in start and noise, and finite"
        (fun case (recipe: Recipe) (count: PositiveInt) (rows: Pairs) (factor: float) ->
            at case recipe count (fun _ make ->
                let solver = make plain
                let a, b = Array.unzip rows.Get
                let under scale start = run solver (waves scale) start fading quiet
                let first, second = under 1.0 a, under 0.5 b
                Expect.holds $"not finite: %A{first}" (Array.forall Double.IsFinite (Array.append first second))
                let both = under (factor + 0.5) (Vector.add (Vector.scale factor a) b)
                let expected = Vector.add (Vector.scale factor first) second
                Expect.allNear (1e-10 * growth recipe * size (Array.concat [ both; Vector.scale factor first; second ])) expected both))

let alone =
    law "L17" "every image goes its own way: a batch is its images" (fun case (recipe: Recipe) (count: PositiveInt) (rows: Pairs) ->
        at case recipe count (fun _ make ->
            let solver = make plain
            let together = batchOf solver rows.Get

            rows.Get
            |> Array.collect (fun row -> batchOf solver [| row |])
            |> Expect.allNear (1e-12 * growth recipe * size together) together))

let anew =
    law
        "L59"
        "a run begins anew: the same start ends at the same bits, after a run that a network broke off too"
        (fun case (recipe: Recipe) (count: PositiveInt) (at': PositiveInt) (rows: Pairs) ->
            at case recipe count (fun _ make ->
                let solver = make plain
                let first = batchOf solver rows.Get
                Expect.equal first (batchOf solver rows.Get)
                let mutable left = at'.Get % solver.Times.Count

                let breaking =
                    Lib.ModelOutput(fun x _ ->
                        left <- left - 1

                        if left < 0 then
                            raise (OperationCanceledException())
                        else
                            x.mul (scalar 0.5))

                try
                    solver.Run(row [| 0.5; 0.25 |], breaking, waves 1.0) |> ignore
                    failwith "the run was not broken off"
                with :? OperationCanceledException ->
                    ()

                Expect.equal first (batchOf solver rows.Get)))

let seeding =
    law "L53" "the global random generator decides nothing" (fun case (recipe: Recipe) (count: PositiveInt) (rows: Pairs) ->
        at case recipe count (fun _ make ->
            let under (seed: int64) =
                torch.manual_seed seed |> ignore
                batchOf (make plain) rows.Get

            Expect.equal (under 1L) (under 2L)))

let leaving =
    law "L47" "a run leaves its images and nothing else" (fun case (recipe: Recipe) (count: PositiveInt) ->
        at case recipe count (fun _ make ->
            let solver = make plain
            use start = row [| 0.3; -0.2 |]
            let noise = Lib.NoiseSource(fun shape -> torch.zeros (shape.ToArray(), dtype = float64))

            leavesNothing "a run whose result is disposed of" (fun () ->
                use result = solver.Run(start, Lib.ModelOutput(fun x _ -> x.mul (scalar 0.1)), noise)
                ())))

/// A solver of which nothing is known but how it is made; numbers of steps that it refuses by a UserError are left out.
let internal unknown name (make: Lib.OutputReading -> Lib.NoiseSchedule -> int -> Lib.Solver) : SolverCase =
    let takes total steps =
        try
            make plain (Lib.NoiseSchedule.Linear total) steps |> ignore
            true
        with :? Lib.UserError ->
            false

    { Name = name
      Make = make
      Fits = takes
      Calls = fun _ steps -> steps
      Reads = []
      Draws = true
      End = fun _ _ -> nan, nan
      Way = _.Start
      First = false }

/// What anybody's solver owes.
let anybody: IReadOnlyList<ComponentLaw<SolverCase>> = [ times; alone; anew; seeding; leaving ]

/// What one with a record owes.
let all: IReadOnlyList<ComponentLaw<SolverCase>> =
    [ times
      calling
      oracle
      along
      noiseless
      lastStep
      specification
      predicting
      first
      linear
      alone
      anew
      seeding
      leaving ]
