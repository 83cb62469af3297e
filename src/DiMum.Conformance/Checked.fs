namespace DiMum.Conformance

open System
open DiMum.Spec
open TorchSharp
open Tensors

/// In which order a method clips and masks its gradients.
type TransformOrder =
    /// Not said: either order is accepted.
    | Unsaid = 0
    | ClipThenMask = 1
    | MaskThenClip = 2
    /// Something else, a projection for example: the laws on masks and clipping are left out.
    | Own = 3

/// What a method says of itself beyond its interface; the laws hold it to that.
[<AllowNullLiteral>]
type Claims() =
    /// Order of clip and mask.
    member val Order = TransformOrder.Unsaid with get, set

    /// The share of weights that may move at all; null where it says nothing.
    member val MovingShare = Nullable<float>() with get, set

    /// Whether predictions under a condition other than the image's own carry gradient. In Eq. (6) they are targets and carry none.
    member val GradientThroughTargets = false with get, set

/// A method with its claims.
type CheckedMethod = { Method: Lib.IUnlearningMethod; Claims: Claims }

/// The scene's draws, other times at every step; keeps a list of what was asked for.
type SceneBatches(scene: Scene, arrange: Loss.Draw<int>[] -> Loss.Draw<int>[]) =
    let asked = Collections.Generic.List<string * int>()

    let draws name step =
        let batch = if name = "retain" then scene.Draws.Retain else scene.Draws.Unlearning

        batch
        |> Array.map (fun draw -> { draw with Time = (draw.Time + step) % scene.Schedule.Steps })
        |> arrange

    new(scene) = SceneBatches(scene, id)

    /// (pairing, step) of every batch asked for so far.
    member _.Asked = List.ofSeq asked

    interface Lib.IBatchSource with
        member _.Next(pairing, step) =
            asked.Add((pairing.Name, step))
            batch (draws pairing.Name step)

        member _.Pass pairing = Seq.singleton (batch (draws pairing.Name 0))
        member _.PassLength _ = 1
        member _.Conditions(pairing, step) = (batch (draws pairing.Name step)).Condition
        member _.Redrop(condition, _, _) = condition
