/// What a method owes whose equation the specification has: losses and gradients are the equation's, under any balance.
module DiMum.Conformance.EquationLaws

open System
open System.Collections.Generic
open TorchSharp
open DiMum.Spec
open Tensors

/// A method beside its equation. `Make` gives the method without its mask, under a balance.
type CheckedEquation =
    { Case: Components.MethodCase
      Make: Func<Lib.Balance, Lib.IUnlearningMethod> }

/// A registered method.
let registered (case: Components.MethodCase) =
    { Case = case
      Make = Func<Lib.Balance, _>(fun balance -> Components.create case false { Retain = balance.Retain; Unlearning = balance.Unlearning }) }

let private law cases sentence id body = Law.over typeof<Generators> cases id sentence body

/// Losses and gradients of the first iteration at θ, prepared at the scene's own; a pairing that is not the method's is refused.
let private at theta (subject: CheckedEquation) (balance: Loss.Balance) (scene: Scene) =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    let method = subject.Make.Invoke(Lib.Balance(balance.Retain, balance.Unlearning))
    let source = Components.listedFor subject.Case scene
    use rule = method.Prepare(Components.context model (Components.schedule scene.Schedule) source 1.0)
    model.Parameters.Load(vector theta)
    [ for update in rule.Updates 0 -> Components.differentiate model update.Loss.Invoke ]

let private updates subject balance (scene: Scene) = at scene.Theta subject balance scene

/// How large the terms are, whatever cancels between them.
let private size (balance: Loss.Balance) (scene: Scene) theta =
    let loss draws = Loss.eps Loss.SumPerImage scene.Table (Toy.net theta) draws

    1.0
    + (1.0 + abs balance.Retain) * loss scene.Draws.Retain
    + (1.0 + abs balance.Unlearning) * loss scene.Draws.Unlearning

let equation =
    law
        60
        "losses and gradients are the equation's, where the method was prepared and wherever the weights have gone since"
        "L13"
        (fun (subject: CheckedEquation) (scene: Scene) (retain: float) (unlearning: float) ->
            let balance: Loss.Balance = { Retain = retain; Unlearning = unlearning }

            for theta in [ scene.Theta; scene.Theta |> Array.map (fun p -> 1.0 - p) ] do
                let size = size balance scene theta
                let held = if subject.Case.Frozen then scene.Theta else theta
                let expected = subject.Case.Losses balance scene held
                let actual = at theta subject balance scene
                Expect.equal expected.Length actual.Length

                for loss, (value, gradient) in List.zip expected actual do
                    Expect.near (1e-11 * size) (loss theta) value
                    Expect.allNear (1e-7 * size) (Gradient.central loss theta) gradient)

let private total updates = List.sumBy fst updates, updates |> List.map snd |> Vector.sum

let private balanced (subject: CheckedEquation) = subject.Case.Unlearns.IsSome

let retainAlone =
    law 40 "with unlearning weight 0 the loss is the weighted retain loss, bit for bit" "L15" (fun subject (scene: Scene) (retain: float) ->
        if balanced subject && not subject.Case.Taught then
            use scope = torch.NewDisposeScope()
            use model = new ToyDenoiser(scene.Theta)

            let loss, gradient =
                Components.differentiate model (fun () ->
                    Lib.EpsilonLoss.Of(model, Components.schedule scene.Schedule, batch scene.Draws.Retain))

            let value, slope = total (updates subject { Retain = retain; Unlearning = 0.0 } scene)
            Expect.equal (retain * loss) value
            Expect.allNear 1e-13 (Vector.scale retain gradient) slope)

let unseen =
    law 40 "a term of weight 0 does not see its batch" "L15" (fun subject (scene: Scene) ->
        if balanced subject then
            let blank = Array.map (fun (draw: Loss.Draw<int>) -> { draw with Image = draw.Image |> Array.map (fun x -> 1.0 - x) })
            let otherRetain = { scene with Draws.Retain = blank scene.Draws.Retain }
            let otherUnlearning = { scene with Draws.Unlearning = blank scene.Draws.Unlearning }
            let at balance scene = total (updates subject balance scene)
            let none: Loss.Balance = { Retain = 0.0; Unlearning = 1.0 }
            Expect.equal (at none scene) (at none otherRetain)
            let plain: Loss.Balance = { Retain = 1.0; Unlearning = 0.0 }
            Expect.equal (at plain scene) (at plain otherUnlearning))

/// All of them.
let all: IReadOnlyList<ComponentLaw<CheckedEquation>> = [ equation; retainAlone; unseen ]
