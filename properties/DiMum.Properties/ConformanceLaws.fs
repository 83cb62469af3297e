/// The conformance kit on everything that is registered: a new method, schedule or sampler in Components gets all of it.
module DiMum.Properties.ConformanceLaws

open System
open NUnit.Framework
open DiMum.Conformance

let private require (verdict: Verdict) =
    if not verdict.Passed then
        Assert.Fail(string verdict)

let private tests (laws: ComponentLaw<'subject> seq) (subjects: (string * 'subject) list) =
    [ for law in laws do
          for name, subject in subjects do
              let work () = require (law.Check(name, subject))
              TestCaseData(Action work).SetName($"{law.Sentence}: {name}").SetCategory law.Id ]

/// What the registered methods claim; the others claim nothing.
let private claims name =
    match name with
    | "SalUn" -> Claims(Order = TransformOrder.ClipThenMask, MovingShare = Nullable 0.5)
    | "SFR-on" -> Claims(Order = TransformOrder.MaskThenClip)
    | "Scissorhands" -> Claims(Order = TransformOrder.Own) // it projects
    | "ESD" -> Claims(GradientThroughTargets = true) // its images are no drawn ones, so L14 can't tell its target; L13 checks the gradient
    | _ -> Claims()

let methods () =
    [ for case in Components.methods do
          let method masked = Components.create case masked { Retain = 1.0; Unlearning = 0.5 }
          case.Name, { Method = method true; Claims = claims case.Name }

          if not ((method true).Equals(method false)) then
              $"{case.Name}, no mask", { Method = method false; Claims = Claims() } ]
    |> tests MethodLaws.all

let equations () =
    [ for case in Components.methods -> case.Name, EquationLaws.registered case ]
    |> tests EquationLaws.all

let samplers () =
    [ for case in Components.samplers do
          for clip in [ false; true ] do
              (if clip then $"{case.Name}, clipped" else case.Name), Func<_, _>(fun steps -> case.Library steps Lib.TimeSkip.Uniform clip) ]
    |> tests SamplerLaws.all

[<TestCaseSource(nameof methods)>]
let ``a method keeps every law of its interface`` (work: Action) = work.Invoke()

[<TestCaseSource(nameof equations)>]
let ``a method keeps every law of its equation`` (work: Action) = work.Invoke()

[<TestCaseSource(nameof samplers)>]
let ``a sampler keeps every law`` (work: Action) = work.Invoke()
