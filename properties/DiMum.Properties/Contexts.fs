namespace DiMum.Properties

open System
open System.Threading
open DiMum.Conformance
open Tensors

/// What a method is given, with some of it changed: C#'s «with», which F# has for records of its own alone.
type Contexts =
    static member Changed
        (
            context: Lib.UnlearningContext,
            ?batches: Lib.IBatchSource,
            ?selected: Tensor | null,
            ?saved: Tensor -> Tensor,
            ?cancel: CancellationToken
        ) =
        Lib.UnlearningContext(
            context.Model,
            context.Schedule,
            defaultArg batches context.Batches,
            context.Forget,
            context.Retain,
            context.Memorization,
            context.Alternative,
            context.Iterations,
            context.ClipNorm,
            Selected = defaultArg selected context.Selected,
            Seed = context.Seed,
            Saved =
                (match saved with
                 | Some f -> Func<_, _> f
                 | None -> context.Saved),
            Cancel = defaultArg cancel context.Cancel
        )
