/// The conformance kit on everything that is registered: a new method, schedule or sampler in Components gets all of it.
module DiMum.Properties.ConformanceLaws

open System
open NUnit.Framework
open DiMum.Conformance

let private require (verdict: Verdict) =
    if not verdict.Passed then
        Assert.Fail(string verdict)

/// Cases of every law on every component, by law.
let private drawn = Collections.Generic.List<string * int>()

let private tests (laws: ComponentLaw<'subject> seq) (subjects: (string * 'subject) list) =
    [ for law in laws do
          for name, subject in subjects do
              drawn.Add((law.Id, law.Cases))
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

let solvers () =
    [ for case in Solvers.all -> case.Name, case ] |> tests SolverLaws.all

let attacks () =
    [ for case in Attacks.all -> case.Name, { Method = case.Method; Claims = case.Claims } ]
    |> tests MethodLaws.all

let attackEquations () =
    [ for case in Attacks.all -> case.Name, Attacks.equation case ] |> tests EquationLaws.all

let metrics () =
    [ for case in Metrics.all -> case.Name, case.Checked ] |> tests MetricLaws.all

let metricEquations () =
    [ for case in Metrics.all -> case.Name, case ] |> tests MetricLaws.equations

let networks () =
    [ for case in Networks.all -> case.Name, case ] |> tests NetworkLaws.all

[<TestCaseSource(nameof methods)>]
let ``a method keeps every law of its interface`` (work: Action) = work.Invoke()

[<TestCaseSource(nameof equations)>]
let ``a method keeps every law of its equation`` (work: Action) = work.Invoke()

[<TestCaseSource(nameof samplers)>]
let ``a sampler keeps every law`` (work: Action) = work.Invoke()

[<TestCaseSource(nameof solvers)>]
let ``a solver keeps every law, and is the specification's`` (work: Action) = work.Invoke()

[<TestCaseSource(nameof attacks)>]
let ``an attack keeps every law of a method`` (work: Action) = work.Invoke()

[<TestCaseSource(nameof attackEquations)>]
let ``an attack keeps every law of its equation`` (work: Action) = work.Invoke()

[<TestCaseSource(nameof metrics)>]
let ``a metric keeps every law, and its claims`` (work: Action) = work.Invoke()

[<TestCaseSource(nameof metricEquations)>]
let ``a metric is the specification's`` (work: Action) = work.Invoke()

[<TestCaseSource(nameof networks)>]
let ``a network keeps every law`` (work: Action) = work.Invoke()

/// Types of the library that can be held to a kind of law.
let private found (kind: Type) =
    typeof<Lib.Sampler>.Assembly.GetExportedTypes()
    |> Array.filter (fun t -> kind.IsAssignableFrom t && not t.IsAbstract && not t.IsInterface)
    |> Array.map _.Name
    |> Set

let private same (kind: Type) (recorded: obj seq) =
    Expect.equal (found kind) (recorded |> Seq.map (fun o -> o.GetType().Name) |> Set)

[<Test; Category "L49">]
let ``every sampler, solver, method, metric and network of the library has its record, and so every law`` () =
    same typeof<Lib.Sampler> [ for case in Components.samplers -> case.Library 1 Lib.TimeSkip.Uniform false ]

    same typeof<Lib.Solver> [ for case in Solvers.all -> case.Make (Lib.OutputReading()) (Lib.NoiseSchedule.Linear 40) 4 ]

    same typeof<Lib.IUnlearningMethod> [ for case in Components.methods -> Components.create case false { Retain = 1.0; Unlearning = 0.5 } ]

    same typeof<Lib.ISetMetric> [ for case in Metrics.all -> case.Checked.Metric ]

    same
        typeof<Lib.ITrainableDenoiser>
        [ for case in Networks.all do
              use network = case.Make.Invoke 1L

              if not (network :? ToyDenoiser) then
                  network ]

    Expect.equal (Set(Enum.GetValues<Lib.LossReduction>())) (Components.reductions |> List.map snd |> Set)

/// What a run of this assembly draws when nothing breaks; the numbers of the closing note.
[<Test>]
let ``laws and cases drawn are counted`` () =
    drawn.Clear()

    for source in [ methods; equations; samplers; solvers; attacks; attackEquations; metrics; metricEquations; networks ] do
        source () |> ignore

    let own =
        [ for found in Reflection.Assembly.GetExecutingAssembly().GetTypes() do
              for method in found.GetMethods() do
                  match Reflection.CustomAttributeExtensions.GetCustomAttribute<LawAttribute> method with
                  | null -> ()
                  | law -> law.Id, law.MaxTest ]

    let all = own @ List.ofSeq drawn
    let ids = all |> List.map fst |> List.distinct
    // The one stream that a plain `dotnet test` shows.
    TestContext.Error.WriteLine $"{ids.Length} laws by id; {own.Length} laws of single parts, {drawn.Count} pairs of law and component; "
    TestContext.Error.WriteLine $"{List.sumBy snd all} cases drawn, {Chance.registered.Count} statistical laws"
    Assert.That(own.Length, Is.GreaterThan 100)
    Assert.That(drawn.Count, Is.GreaterThan 200)
