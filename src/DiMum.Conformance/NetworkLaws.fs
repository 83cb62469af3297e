/// What any trainable denoiser owes, whatever its layers.
module DiMum.Conformance.NetworkLaws

open System
open System.Collections.Generic
open FsCheck
open TorchSharp
open Tensors

let private law id sentence body = Law.over typeof<Generators> 3 id sentence body

/// A network, three images, times and conditions, all from one seed.
type private Question =
    { Network: Lib.ITrainableDenoiser
      Images: Tensor // [3,C,H,W]
      Times: Tensor
      Conditions: Tensor }

let private ask (case: NetworkCase) (seed: PositiveInt) work =
    use scope = torch.NewDisposeScope()
    let seed = int64 seed.Get
    use network = case.Make.Invoke seed
    use generator = (Lib.Seed seed).At("images").Generator()
    let side = int64 case.Size

    work
        { Network = network
          Images = torch.randn ([| 3L; int64 case.Channels; side; side |], dtype = float64, generator = generator)
          Times = integers [| 0; int seed % 900; 999 |]
          Conditions = case.Conditions.Invoke(seed, 3) }

let private kept (question: Question) (keep: bool list) =
    let flags = keep |> List.map (fun k -> if k then 1 else 0) |> Array.ofList
    Lib.Condition(question.Conditions, integers(flags).to_type torch.ScalarType.Bool)

let private evaluating (question: Question) (condition: Lib.Condition) =
    question.Network.Training <- false
    use none = torch.no_grad ()
    question.Network.Predict(question.Images, question.Times, condition)

let private plain question = evaluating question (Lib.Condition question.Conditions)

let shape =
    law "L54" "a prediction has the images' shape and is finite" (fun case (seed: PositiveInt) ->
        ask case seed (fun question ->
            let output = plain question
            Expect.equal (question.Images.shape) (output.shape)
            Expect.holds "not finite" (floats output |> Array.forall Double.IsFinite)))

let alone =
    law "L17" "an image's prediction does not depend on the rest of its batch" (fun case (seed: PositiveInt) ->
        ask case seed (fun question ->
            let keep = [ true; false; true ]
            let whole = evaluating question (kept question keep)

            for i in 0L .. 2L do
                let cut (tensor: Tensor) = tensor.narrow (0L, i, 1L)

                let one =
                    { question with
                        Images = cut question.Images
                        Times = cut question.Times
                        Conditions = cut question.Conditions }

                Expect.allNear 1e-10 (floats (cut whole)) (floats (evaluating one (kept one [ keep[int i] ])))))

let dropping =
    law "L55" "a dropped condition is not seen, and keeping all is dropping none" (fun case (seed: PositiveInt) ->
        ask case seed (fun question ->
            let others =
                { question with
                    Conditions = case.Conditions.Invoke(int64 seed.Get + 1L, 3) }

            let dropped = [ false; false; false ]
            Expect.equal (floats (evaluating question (kept question dropped))) (floats (evaluating others (kept others dropped)))
            Expect.equal (floats (plain question)) (floats (evaluating question (kept question [ true; true; true ])))))

let private random length (seed: PositiveInt) =
    let random = Random seed.Get
    Array.init length (fun _ -> random.NextDouble() - 0.5)

let differentiating =
    law "L54" "the gradient is the central difference, along any direction" (fun case (seed: PositiveInt) ->
        ask case seed (fun question ->
            question.Network.Training <- false
            let parameters = question.Network.Parameters
            let start = floats parameters.Values
            let direction = random start.Length seed

            let loss () =
                question.Network.Predict(question.Images, question.Times, Lib.Condition question.Conditions).square().mean()

            let _, gradient = Components.differentiate question.Network loss
            let step = 1e-5

            let at by =
                use none = torch.no_grad ()
                use scope = torch.NewDisposeScope()
                parameters.Load(vector (Array.map2 (fun p d -> p + by * d) start direction))
                number (loss ())

            let slope = (at step - at -step) / (2.0 * step)
            let expected = Array.map2 (*) gradient direction |> Array.sum
            Expect.holds "no gradient at all" (gradient |> Array.exists (fun g -> g <> 0.0))
            Expect.near 1e-5 slope expected))

let remembering =
    law "L25" "predicting leaves weights, gradient and mode" (fun case (seed: PositiveInt) ->
        ask case seed (fun question ->
            let before = bits question.Network.Parameters.Values

            for training in [ true; false ] do
                question.Network.Training <- training
                question.Network.SeedDropout(Lib.Seed 1L)

                question.Network.Predict(question.Images, question.Times, Lib.Condition question.Conditions)
                |> ignore

                Expect.equal training question.Network.Training

            Expect.equal before (bits question.Network.Parameters.Values)
            Expect.holds "a gradient is left" (floats question.Network.Parameters.Gradient |> Array.forall ((=) 0.0))))

let seeding =
    law "L53" "the dropout's seed decides what is dropped, the global generator nothing" (fun case (seed: PositiveInt) ->
        ask case seed (fun question ->
            let under (seedOfAll: int64) =
                torch.manual_seed seedOfAll |> ignore
                question.Network.Training <- true
                question.Network.SeedDropout(Lib.Seed 5L)
                use none = torch.no_grad ()
                floats (question.Network.Predict(question.Images, question.Times, Lib.Condition question.Conditions))

            Expect.equal (under 1L) (under 2L)))

let weighing =
    law "L43" "a network is its weights: another one that loads them predicts the same" (fun case (seed: PositiveInt) ->
        ask case seed (fun question ->
            use other = case.Make.Invoke(int64 seed.Get + 7L)
            other.Parameters.Load question.Network.Parameters.Values
            Expect.equal (floats (plain question)) (floats (plain { question with Network = other }))))

let flat =
    law "L33" "parameters are views of the flat vector, without gap or overlap" (fun case (seed: PositiveInt) ->
        ask case seed (fun question ->
            let parameters = question.Network.Parameters
            let entries = parameters.Entries |> Seq.sortBy _.Offset |> List.ofSeq
            Expect.equal parameters.Count (entries |> List.sumBy _.Count)
            Expect.equal 0L entries.Head.Offset

            for before, after in List.pairwise entries do
                Expect.equal (before.Offset + before.Count) after.Offset

            let all = floats parameters.Values

            for entry in entries do
                Expect.equal (Array.sub all (int entry.Offset) (int entry.Count)) (floats entry.Value)))

let leaving =
    law "L47" "predicting and differentiating leave no tensor" (fun case (seed: PositiveInt) ->
        ask case seed (fun question ->
            question.Network.SeedDropout(Lib.Seed 1L)

            leavesNothing "a gradient" (fun () ->
                Components.differentiate question.Network (fun () ->
                    question.Network.Predict(question.Images, question.Times, Lib.Condition question.Conditions).mean())
                |> ignore)))

/// All of them.
let all: IReadOnlyList<ComponentLaw<NetworkCase>> =
    [ shape; alone; dropping; differentiating; remembering; seeding; weighing; flat; leaving ]
