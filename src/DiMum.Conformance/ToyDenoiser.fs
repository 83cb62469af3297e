namespace DiMum.Conformance

open System
open DiMum.Spec
open TorchSharp
open Tensors

/// The toy network as the library takes one: Toy.net in float64 tensors, with autograd instead of a derivative by hand.
/// A condition that is not kept has no class feature, which is Toy.net under condition −1.
type ToyDenoiser(theta: float[]) =
    let declared = Lib.ParameterDeclarations()
    let shared = declared.Declare("shared", Lib.Init.Zeros, 2L)
    let ofClass = declared.Declare("class", Lib.Init.Zeros, int64 Toy.classes)

    let parameters =
        use generator = (Lib.Seed 0L).Generator()
        new Lib.ParameterVector(declared, torch.CPU, generator, float64)

    let load =
        use scope = torch.NewDisposeScope()
        parameters.Load(vector theta)

    let mutable training = true
    let mutable intercept = fun (_: Tensor, _: Tensor, _: Lib.Condition) (output: Tensor) -> output
    let column (perImage: Tensor) = perImage.view (-1L, 1L, 1L, 1L)

    member _.Parameters = parameters

    /// Sees every prediction's (x_t, t, c) and what came out, and says what goes on.
    member _.Intercept
        with get () = intercept
        and set value = intercept <- value

    interface Lib.ITrainableDenoiser with
        member _.Parameters = parameters
        member _.SeedDropout _ = ()

    interface Lib.IDenoiser with
        member _.Device = torch.CPU

        member _.Training
            with get () = training
            and set value = training <- value

        member _.Predict(x, t, condition) =
            use scope = torch.NewDisposeScope()
            let looked = ofClass.Value.index_select (0L, condition.Value)

            let kept =
                match condition.Keep with
                | null -> looked
                | keep -> looked.mul (keep.to_type float64)

            let linear = shared.Value.narrow(0L, 0L, 1L).mul x
            let clock = shared.Value.narrow(0L, 1L, 1L).mul(column (t.to_type(float64).cos()))
            let square = (column kept).mul(x.square().sub(scalar 1.0))
            (intercept (x, t, condition) (linear.add(clock).add square)).MoveToOuterDisposeScope()

    interface IDisposable with
        member _.Dispose() = parameters.Dispose()

/// A batch source that hands out listed draws: `next` by pairing and step, `pass` by pairing.
type ListedBatches(next: string -> int -> Loss.Draw<int>[], pass: string -> Loss.Draw<int>[] list) =
    interface Lib.IBatchSource with
        member _.Next(pairing, step) = batch (next pairing.Name step)
        member _.Pass pairing = pass pairing.Name |> Seq.map batch
        member _.PassLength pairing = (pass pairing.Name).Length
        member _.Conditions(pairing, step) = (batch (next pairing.Name step)).Condition
        member _.Redrop(condition, _, _) = condition
