/// Every method in every reading that it has, published or released: the laws that hold for all of them.
module DiMum.Properties.ReadingLaws

open System
open NUnit.Framework
open TorchSharp
open DiMum.Spec
open Tensors

/// Every batch as four images: the benchmark's programs pair those of D_r and D_u one by one, as loaders of one batch size let them.
type private InFours(inner: Lib.IBatchSource) =
    let rows (n: int64) = integers (Array.init 4 (fun i -> i % int n))

    let conditions (condition: Lib.Condition) =
        Lib.Condition(condition.Value.index_select (0L, rows condition.Value.shape[0]))

    let four (batch: Lib.NoisedBatch) =
        let some (part: Tensor) = part.index_select (0L, rows batch.Clean.shape[0])

        new Lib.NoisedBatch(some batch.Clean, conditions batch.Condition, some batch.Time, some batch.Noise)

    interface Lib.IBatchSource with
        member _.Next(pairing, step) = four (inner.Next(pairing, step))
        member _.Pass pairing = inner.Pass pairing |> Seq.map four
        member _.PassLength pairing = inner.PassLength pairing
        member _.Conditions(pairing, step) = conditions (inner.Conditions(pairing, step))
        member _.Redrop(condition, purpose, step) = inner.Redrop(condition, purpose, step)

/// The method on such batches.
type private OnFours(method: Lib.IUnlearningMethod) =
    interface Lib.IUnlearningMethod with
        member _.Name = method.Name
        member _.Reading = method.Reading
        member _.Source = method.Source
        member _.UpdatesPerIteration = method.UpdatesPerIteration
        member _.Clips = method.Clips
        member _.Loader = method.Loader
        member _.Optimizer = method.Optimizer
        member _.DetachesFirstToken = method.DetachesFirstToken
        member _.Reinitialises = method.Reinitialises

        member _.Prepare context =
            Contexts.Changed(context, batches = InFours context.Batches) |> method.Prepare

/// (case, reading, method) for all that are not refused.
let private all =
    [ for case in Components.methods do
          for reading in Enum.GetValues<Lib.MethodReading>() do
              let made =
                  try
                      Some(Components.createAs reading case true { Retain = 1.0; Unlearning = 0.5 })
                  with :? Lib.UserError ->
                      None

              for method in Option.toList made -> case, reading, OnFours method :> Lib.IUnlearningMethod ]

[<Test; Category "L51">]
let ``a reading is the released program's that it says, and eleven are`` () =
    for case, reading, method in all do
        Expect.equal (reading = Lib.MethodReading.AsPublished) (method.Reading = "as published")
        Expect.equal case.Name method.Name

    let released = all |> List.filter (fun (_, reading, _) -> reading <> Lib.MethodReading.AsPublished)
    Expect.equal 11 released.Length

/// Of the kit, what holds whatever a program does with its batches.
let private laws =
    [ MethodLaws.states
      MethodLaws.preparing
      MethodLaws.leavingWeights
      MethodLaws.masking
      MethodLaws.resuming
      MethodLaws.seeding
      MethodLaws.leaving ]

let private claims (case: Components.MethodCase) =
    if case.Name = "Scissorhands" then
        Claims(Order = TransformOrder.Own)
    else
        Claims()

let readings () =
    [ for case, reading, method in all do
          if reading <> Lib.MethodReading.AsPublished then
              for law in laws do
                  let work () =
                      let verdict = law.Check($"{case.Name} {reading}", { Method = method; Claims = claims case })
                      Assert.That(verdict.Passed, string verdict)

                  TestCaseData(Action work).SetName($"{law.Sentence}: {case.Name} {reading}").SetCategory law.Id ]

[<TestCaseSource(nameof readings)>]
let ``a released reading keeps the laws of a method`` (work: Action) = work.Invoke()

let private ruled (scene: Scene) theta (method: Lib.IUnlearningMethod) work =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    use rule = method.Prepare(Components.context model (Components.schedule scene.Schedule) (Components.listed scene) 1.0)
    model.Parameters.Load(vector theta)
    work model rule

/// Losses of an iteration at θ. Predictions that carry no gradient are the method's targets: `held` has them, in the order they were asked for.
let private losses scene (held: Collections.Generic.List<Tensor>) method theta =
    ruled scene theta method (fun model (rule: Lib.IUpdateRule) ->
        let mutable asked = 0

        model.Intercept <-
            fun _ output ->
                if output.requires_grad then
                    output
                else
                    if asked = held.Count then
                        held.Add(output.clone().DetachFromDisposeScope())

                    asked <- asked + 1
                    held[asked - 1].alias()

        [| for update in rule.Updates 0 do
               use loss = update.Loss.Invoke()
               number loss |])

/// Whether the loss holds numbers of θ that carry no gradient: SFR-on's weights, and the average in EraseDiff's outer loss.
let private holdsNumbers (case: Components.MethodCase) = case.Name = "SFR-on" || case.Name = "EraseDiff"

[<Law("L13", 5)>]
let ``in every reading an update's gradient is finite, and the central difference of its own loss with its targets held`` (scene: Scene) =
    let scene = { scene with Theta = Vector.scale 0.1 scene.Theta }

    for case, reading, method in all do
        let updates =
            ruled scene scene.Theta method (fun model rule ->
                [ for update in rule.Updates 0 -> Components.differentiate model update.Loss.Invoke ])

        for loss, gradient in updates do
            Expect.holds $"{case.Name} {reading}: not finite" (Double.IsFinite loss && Array.forall Double.IsFinite gradient)

        if not (holdsNumbers case) then
            let held = Collections.Generic.List<Tensor>()
            losses scene held method scene.Theta |> ignore

            List.iteri
                (fun i (loss, gradient: float[]) ->
                    let slope = Gradient.central (fun theta -> (losses scene held method theta)[i]) scene.Theta
                    let size = 1.0 + abs loss + Array.sumBy abs gradient

                    if not (Array.forall2 (fun a b -> abs (a - b) <= 1e-6 * size) slope gradient) then
                        failwith $"%A{slope} is the slope, %A{gradient} the gradient: {case.Name} {reading}, update {i}")
                updates

            Seq.iter (fun (tensor: Tensor) -> tensor.Dispose()) held
