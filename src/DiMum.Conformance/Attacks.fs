namespace DiMum.Conformance

open DiMum.Spec

/// An attack beside its equation. It trains on, as a method does, so it is held to a method's laws; `Method` reads the retain set as D_a.
type AttackCase =
    { Name: string
      Method: Lib.IUnlearningMethod
      Claims: Claims
      Equation: Components.MethodCase }

/// One record per attack.
module Attacks =
    /// Eq. (7) on the retain set.
    type private DimraOnRetain() =
        interface Lib.IUnlearningMethod with
            member _.Name = "DiMRA"
            member _.Reading = "as published"
            member _.Source = "Eq. (7)"

            member _.Prepare context =
                Lib.DiMRA.Rule(context.Model, context.Schedule, context.Batches, context.Retain, context.ClipNorm)

    let all =
        [ { Name = "DiMRA"
            Method = DimraOnRetain()
            Claims = Claims(Order = TransformOrder.ClipThenMask, MovingShare = 1.0)
            Equation =
              { Name = "DiMRA"
                Unlearns = None
                Relabels = false
                Frozen = false
                Taught = false
                Losses = fun _ scene _ -> [ fun theta -> Loss.eps Loss.SumPerImage scene.Table (Toy.net theta) scene.Draws.Retain ] } } ]

    /// An attack as the laws of equations take it.
    let equation (case: AttackCase) : EquationLaws.CheckedEquation =
        { Case = case.Equation
          Make = System.Func<Lib.Balance, _>(fun _ -> case.Method) }
