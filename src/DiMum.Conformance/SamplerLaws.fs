/// What any sampler owes, by number of steps.
module DiMum.Conformance.SamplerLaws

open System
open System.Collections.Generic
open FsCheck
open TorchSharp
open DiMum.Spec
open Tensors

/// A sampler by its number of steps S.
type CheckedSampler = Func<int, Lib.Sampler>

let private law id sentence body = Law.over typeof<Generators> 30 id sentence body

let private at (subject: CheckedSampler) (recipe: Recipe) (count: PositiveInt) =
    Components.schedule recipe, subject.Invoke(1 + (count.Get - 1) % recipe.Steps)

let private noNoise = Lib.NoiseSource(fun shape -> torch.zeros (shape.ToArray(), dtype = float64))

/// Noise of the given shape that any number of images shares.
let private waves (asked: int ref) =
    Lib.NoiseSource(fun shape ->
        asked.Value <- asked.Value + 1
        let pixels = int shape[3]
        let one = Array.init pixels (fun i -> cos (float (7 * asked.Value + i)))
        Array.concat (Array.create (int shape[0]) one) |> shaped (shape.ToArray()))

let times =
    law "L1" "the visited times rise and lie below T" (fun subject (recipe: Recipe) (count: PositiveInt) ->
        let schedule, sampler = at subject recipe count
        let times = List.ofSeq (sampler.Times schedule.Steps)
        Expect.holds "no time at all" (not times.IsEmpty)
        Expect.holds $"%A{times} does not lie in 0…{schedule.Steps - 1}" (times |> List.forall (fun t -> t >= 0 && t < schedule.Steps))
        Expect.equal (List.sort times) times)

/// ε̂ of a network that knows the clean image.
let private knowing (recipe: Recipe) (clean: Tensor) =
    Lib.GuidedNoise(fun x t ->
        let alphaBar = recipe.Table.AlphaBar[t]
        x.sub(clean.mul (scalar (sqrt alphaBar))).div(scalar (sqrt (1.0 - alphaBar))))

let oracle =
    law
        "L6"
        "a network that knows the clean image is led to it, whatever the noise"
        (fun subject (recipe: Recipe) (count: PositiveInt) (image: NonEmptyArray<float>) ->
            use scope = torch.NewDisposeScope()
            let schedule, sampler = at subject recipe count
            let shape = [| 1L; 1L; 1L; int64 image.Get.Length |]
            let clean = shaped shape (image.Get |> Array.map (fun x -> x / 10.0)) // within [−1, 1], so that clipping changes nothing
            let start = shaped shape (image.Get |> Array.map cos)

            sampler.Run(schedule, start, knowing recipe clean, waves (ref 0))
            |> floats
            |> Expect.allNear 1e-6 (floats clean))

let lastStep =
    law "L8" "the last step asks for no noise" (fun subject (recipe: Recipe) (count: PositiveInt) ->
        use scope = torch.NewDisposeScope()
        let schedule, sampler = at subject recipe count
        let asked, before = ref 0, ref 0
        let start = shaped [| 1L; 1L; 1L; 2L |] [| 0.3; -0.2 |]
        let last = sampler.Times(schedule.Steps)[0]

        let guided =
            Lib.GuidedNoise(fun x t ->
                if t = last then
                    before.Value <- asked.Value

                x.mul (scalar 0.1))

        sampler.Run(schedule, start, guided, waves asked) |> ignore
        Expect.equal before.Value asked.Value)

let private predicted = Lib.GuidedNoise(fun x t -> x.mul (scalar (0.2 + 0.5 * cos (float t))))

let alone =
    law
        "L17"
        "every image goes its own way: a batch is its images, and the same start ends the same"
        (fun subject (recipe: Recipe) (count: PositiveInt) (rows: Pairs) ->
            use scope = torch.NewDisposeScope()
            let schedule, sampler = at subject recipe count

            let run (images: (float * float)[]) =
                let start = images |> Array.collect (fun (a, b) -> [| a; b |]) |> shaped [| int64 images.Length; 1L; 1L; 2L |]

                let before = floats start
                let result = floats (sampler.Run(schedule, start, predicted, waves (ref 0)))
                Expect.equal before (floats start)
                result

            let together = run rows.Get
            Expect.equal together (run rows.Get)
            rows.Get |> Array.collect (fun row -> run [| row |]) |> Expect.allNear 1e-12 together)

let leaving =
    law "L47" "a run leaves its images and nothing else" (fun subject (recipe: Recipe) (count: PositiveInt) ->
        use scope = torch.NewDisposeScope()
        let schedule, sampler = at subject recipe count
        let start = shaped [| 1L; 1L; 1L; 2L |] [| 0.3; -0.2 |]

        leavesNothing "a run whose result is disposed of" (fun () ->
            use result = sampler.Run(schedule, start, predicted, noNoise)
            ()))

/// All of them.
let all: IReadOnlyList<ComponentLaw<CheckedSampler>> = [ times; oracle; lastStep; alone; leaving ]
