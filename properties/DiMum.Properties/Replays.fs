/// Inputs on which a law broke once, tried again before any others: the seed, gamma and size that a red run prints.
module DiMum.Properties.Replays

open System
open System.Reflection
open NUnit.Framework
open FsCheck
open DiMum.Conformance

let private generator (replay: string) : Replay =
    match replay.Split ',' with
    | [| seed; gamma; size |] -> { Rnd = Rnd(uint64 seed, uint64 gamma); Size = Some(int size) }
    | _ -> invalidArg (nameof replay) $"expected seed,gamma,size, got '{replay}'"

/// A law of this assembly by its name, from the replay on.
let private law (name: string) replay () =
    let found =
        Assembly.GetExecutingAssembly().GetTypes()
        |> Seq.collect _.GetMethods(BindingFlags.Public ||| BindingFlags.Static)
        |> Seq.filter (fun m -> m.Name = name && not (isNull (m.GetCustomAttribute<LawAttribute>())))
        |> Seq.exactlyOne

    Check.Method(Config.QuickThrowOnFailure.WithArbitrary([ typeof<Generators> ]).WithMaxTest(3).WithReplay(Some(generator replay)), found)

/// A law of the kit on a component, from the replay on.
let private kit (law: ComponentLaw<'subject>) name subject replay () =
    let verdict = law.CheckAt(name, subject, replay)
    Assert.That(verdict.Passed, string verdict)

let private metric name = Metrics.all |> List.find (fun case -> case.Name = name) |> _.Checked

/// What broke, and the run that shows whether it still does.
let private pinned =
    [ "a product's last bits depend on where its rows lie: bit equality was too much to ask",
      kit MetricLaws.seeding "KID" (metric "KID") "4510374889582091033,12947619684814570773,3"
      "a mirrored time T − t for T − 1 − t",
      law "the library completes its time draws as the specification does" "5476502531323828854,6140004359386175213,10" ]

let pins () =
    [ for broke, work in pinned -> TestCaseData(Action work).SetName $"again: {broke}" ]

[<TestCaseSource(nameof pins)>]
let ``a law holds where it once broke`` (work: Action) = work.Invoke()
