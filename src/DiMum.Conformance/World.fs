namespace DiMum.Conformance

open System
open System.Collections.Generic
open System.IO
open TorchSharp
open Tensors

/// A data set, a U-Net and batches, all as small as they can be and real: what laws on whole loops run in.
module World =
    let classes = 3
    let unlearned = HashSet [ 0 ] :> IReadOnlySet<int>
    let alternative = HashSet [ 1 ] :> IReadOnlySet<int>

    /// 24 images 1×8×8 of random bytes; labels 0, 1, 2, 0, 1, 2, …, each taken through `rename`.
    let dataOf (rename: int -> int) (seed: int64) =
        use scope = torch.NewDisposeScope()
        use generator = (Lib.Seed seed).At("images").Generator()
        let images = torch.randint (0L, 256L, [| 24L; 1L; 8L; 8L |], torch.ScalarType.Byte, generator = generator)
        new Lib.Dataset("world", images, integers (Array.init 24 (fun i -> rename (i % classes))), [| "a"; "b"; "c" |])

    let data seed = dataOf id seed

    let unetOf (dtype: torch.ScalarType) (dropout: float) (seed: int64) =
        use generator = (Lib.Seed seed).At("init").Generator()

        let config =
            Lib.UNetConfig(
                Classes = classes,
                ImageSize = 8,
                ImageChannels = 1,
                Channels = 8,
                Multipliers = [| 1; 2 |],
                ResBlocks = 1,
                AttentionResolutions = [| 4 |],
                Dropout = dropout,
                NormGroups = 4
            )

        new Lib.ClassConditionalUNet(config, torch.CPU, generator, dtype)

    let unet dropout seed = unetOf float32 dropout seed
    let schedule = Lib.NoiseSchedule.Linear(50, 1e-3, 0.1)

    let draws = Lib.DrawSettings(BatchSize = 5, DropProbability = 0.2, Flip = true)

    let batches (seed: int64) =
        Lib.SeededBatches(schedule, draws, (Lib.Seed seed).At "batches", torch.CPU)

    let clip = 1.0

    /// The condition after each one, cyclically, is its benign one.
    let contextOf (model: Lib.ITrainableDenoiser) (data: Lib.Dataset) (source: Lib.IBatchSource) (forgotten: int) (benign: int) =
        let alone (label: int) = HashSet [ label ] :> IReadOnlySet<int>

        Lib.UnlearningContext(
            model,
            schedule,
            source,
            Lib.Pairing.Forget(data, alone forgotten),
            Lib.Pairing.Retain(data, alone forgotten),
            Lib.Pairing.Memorization(data, alone forgotten, alone benign),
            Func<_, _, _>(fun (condition: Lib.Condition) _ -> Lib.Condition(torch.full_like (condition.Value, wholeScalar benign))),
            10,
            clip
        )

    let context model data source = contextOf model data source 0 1

    let settings = Lib.TrainerSettings(10, Lib.LearningRate(2e-3), EmaRate = Nullable 0.9)

    let auxiliary data = Lib.Pairing.Auxiliary(data, unlearned)

    /// Every method with its mask, and the attack, as a function from the model to a rule.
    let rules: (string * (Lib.ITrainableDenoiser -> Lib.Dataset -> Lib.IBatchSource -> Lib.IUpdateRule)) list =
        [ for case in Components.methods do
              case.Name,
              fun model data source -> (Components.create case true { Retain = 1.0; Unlearning = 0.5 }).Prepare(context model data source)
          "DiMRA", fun model data source -> Lib.DiMRA.Rule(model, schedule, source, auxiliary data, clip) ]

    /// A folder that is gone afterwards.
    let inFolder (work: string -> 'a) =
        let folder = Path.Combine(Path.GetTempPath(), "dimum-laws-" + Guid.NewGuid().ToString "N")
        Directory.CreateDirectory folder |> ignore

        try
            work folder
        finally
            Directory.Delete(folder, true)

    /// The message of the user error that `work` ends in; anything else fails.
    let mistake what (work: unit -> unit) =
        let outcome =
            try
                work ()
                Choice1Of3()
            with
            | :? Lib.UserError as error -> Choice2Of3 error.Message
            | other -> Choice3Of3 other

        match outcome with
        | Choice1Of3() -> failwith $"{what}: accepted"
        | Choice2Of3 message -> message
        | Choice3Of3 other -> failwith $"{what}: {other.GetType().Name} instead of a UserError: {other.Message}"
