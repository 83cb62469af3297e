/// The trainer as a state machine: any order of stepping, saving, loading, crashing (while saving too), going on, looking at the average, changing
/// the rate and being disposed of is what the specification computes on arrays.
module DiMum.Properties.TrainerMachine

open System
open System.Collections.Generic
open System.IO
open NUnit.Framework
open FsCheck
open FsCheck.FSharp
open FsCheck.Experimental
open TorchSharp
open DiMum.Spec
open Tensors

type private WrittenTensor = global.DiMum.Checkpoints.WrittenTensor

type Snapshot = { Theta: float[]; Adam: Adam.State; Shadow: float[] }

type Model =
    {
        Now: Snapshot
        Saved: Snapshot
        /// The save before the last.
        Earlier: Snapshot
        Rate: float
    }

let private scene = (Generators.Scene().Generator |> Gen.sampleWithSeed (Rnd 251203564UL) 10 1)[0]
let private emaRate = 0.75
let private rates = [ 0.01; 0.05 ]

/// Loss, gradient, clip, Adam, average: one iteration of DiMUM by the specification.
let private step rate (now: Snapshot) =
    let slope draws = Toy.gradient Loss.SumPerImage scene.Table _.Noise now.Theta draws

    let theta, adam =
        Vector.add (slope scene.Draws.Retain) (slope scene.Draws.Unlearning)
        |> Clip.toNorm 1.0
        |> Adam.step (Adam.standard rate) now.Adam now.Theta

    { Theta = theta
      Adam = adam
      Shadow = Ema.update emaRate now.Shadow theta }

/// A trainer that begins at these weights.
let private fresh (now: Snapshot) =
    { Theta = now.Theta
      Adam = Adam.start Toy.parameters
      Shadow = now.Theta }

let private start =
    fresh
        { Theta = scene.Theta
          Adam = Adam.start Toy.parameters
          Shadow = scene.Theta }

/// The library's trainer with its file.
type Loop() =
    let folder = Directory.CreateTempSubdirectory("dimum-machine-").FullName
    let path = Path.Combine(folder, "state.safetensors")
    let earlier = Path.Combine(folder, "earlier.safetensors")
    let mutable model = new ToyDenoiser(scene.Theta)
    let mutable rule: Lib.IUpdateRule = Unchecked.defaultof<_>
    let mutable trainer: Lib.Trainer = Unchecked.defaultof<_>

    let stop () =
        trainer.Dispose()
        rule.Dispose()
        (model :> IDisposable).Dispose()

    let train rate =
        trainer <- new Lib.Trainer(model, rule, Lib.TrainerSettings(1000, Lib.LearningRate rate, EmaRate = Nullable emaRate), Lib.Seed 1L)

    let set rate =
        use scope = torch.NewDisposeScope()
        let context = Components.context model (Components.schedule scene.Schedule) (Components.listed scene) 1.0
        rule <- (Lib.DiMumMethod(Lib.Balance(1.0, 1.0))).Prepare context
        train rate

    let parts () =
        [ "theta", model.Parameters.Values
          "m", trainer.Adam.FirstMoment
          "v", trainer.Adam.SecondMoment
          "shadow", (nonNull trainer.Ema).Shadow ]

    let counters () =
        dict [ "steps", string trainer.Adam.Steps; "iteration", string trainer.Iteration ] |> Dictionary

    let write file =
        Lib.Safetensors.Write(file, dict (parts ()) |> Dictionary, counters ())

    let load (file: string) =
        let struct (tensors, counters) = Lib.Safetensors.Read file

        for name, part in parts () do
            part.copy_ tensors[name] |> ignore
            tensors[name].Dispose()

        trainer.Adam.Steps <- int64 counters["steps"]
        trainer.Iteration <- int counters["iteration"]

    let restore file rate =
        stop ()
        model <- new ToyDenoiser(scene.Theta)
        set rate
        load file

    do
        set rates.Head
        write path
        write earlier

    member _.Step() = trainer.Step() |> ignore

    member _.Save() =
        File.Copy(path, earlier, overwrite = true)
        write path

    /// An earlier save into the trainer as it runs.
    member _.LoadEarlier() = load earlier

    member _.Restore rate = restore path rate

    /// Killed while it saves: the last tensor never comes, and a part of a file stays in the folder.
    member _.CrashWhileSaving rate =
        let written =
            [| for name, part in parts () ->
                   WrittenTensor(
                       name,
                       part.dtype,
                       part.shape,
                       fun () ->
                           if name = "shadow" then
                               raise (OperationCanceledException())
                           else
                               part.alias ()
                   ) |]

        try
            Lib.Safetensors.Write(path, written, counters ())
            failwith "the save was not broken off"
        with :? OperationCanceledException ->
            ()

        Expect.holds "no part of a file is left to disturb" (Directory.GetFiles(folder, "*.tmp").Length > 0)
        restore path rate

    /// Disposed of, twice; a step is then refused and moves nothing. A new trainer on the same network begins its moments and average anew.
    member _.Dispose rate =
        trainer.Dispose()
        trainer.Dispose()
        let before = floats model.Parameters.Values

        try
            trainer.Step() |> ignore
            failwith "a step after the end"
        with :? ObjectDisposedException ->
            ()

        Expect.equal before (floats model.Parameters.Values)
        train rate

    /// Another rate: saved aside, set up anew, brought back.
    member _.Change rate =
        let aside = Path.Combine(folder, "aside.safetensors")
        write aside
        restore aside rate

    /// The average in the network's place for a moment.
    member _.Average() =
        use scope = torch.NewDisposeScope()
        let own = model.Parameters.Snapshot()
        model.Parameters.Load((nonNull trainer.Ema).Shadow)
        let seen = floats model.Parameters.Values
        model.Parameters.Load own
        seen

    member _.State = [ for _, part in parts () -> floats part ], int trainer.Adam.Steps, trainer.Iteration

    interface IDisposable with
        member _.Dispose() =
            stop ()
            Directory.Delete(folder, true)

let private agrees (loop: Loop) (model: Model) =
    let values, steps, iteration = loop.State
    let expected = [ model.Now.Theta; model.Now.Adam.First; model.Now.Adam.Second; model.Now.Shadow ]
    List.iter2 (Expect.allNear 1e-8) expected values
    Expect.equal (model.Now.Adam.Step, model.Now.Adam.Step) (steps, iteration)
    true

type private Act(name: string, onModel: Model -> Model, onLoop: Model -> Loop -> unit) =
    inherit Operation<Loop, Model>()
    override _.Run model = onModel model

    override _.Check(loop, model) =
        onLoop model loop
        Prop.ofTestable (agrees loop model)

    override _.ToString() = name

let private acts =
    [ yield Act("step", (fun model -> { model with Now = step model.Rate model.Now }), (fun _ loop -> loop.Step()))
      yield Act("save", (fun model -> { model with Saved = model.Now; Earlier = model.Saved }), (fun _ loop -> loop.Save()))
      yield Act("load the earlier save", (fun model -> { model with Now = model.Earlier }), (fun _ loop -> loop.LoadEarlier()))
      yield Act("crash and go on", (fun model -> { model with Now = model.Saved }), (fun model loop -> loop.Restore model.Rate))
      yield Act("crash while saving", (fun model -> { model with Now = model.Saved }), (fun model loop -> loop.CrashWhileSaving model.Rate))
      yield Act("dispose", (fun model -> { model with Now = fresh model.Now }), (fun model loop -> loop.Dispose model.Rate))
      yield Act("look at the average", id, (fun model loop -> Expect.allNear 1e-8 model.Now.Shadow (loop.Average())))
      for rate in rates do
          yield Act($"rate {rate}", (fun model -> { model with Rate = rate }), (fun _ loop -> loop.Change rate)) ]
    |> List.map (fun act -> act :> Operation<Loop, Model>)

type private Machine() =
    inherit Machine<Loop, Model>(12)

    override _.Setup =
        { new Setup<Loop, Model>() with
            member _.Actual() = new Loop()

            member _.Model() =
                { Now = start
                  Saved = start
                  Earlier = start
                  Rate = rates.Head } }
        |> Gen.constant
        |> Arb.fromGen

    override _.Next _ = Gen.elements acts

    override _.TearDown =
        { new TearDown<Loop>() with
            member _.Actual loop = (loop :> IDisposable).Dispose() }

[<Law("L50", 40)>]
let ``the trainer under any commands in any order is the specification's`` () = StateMachine.toProperty (Machine())
