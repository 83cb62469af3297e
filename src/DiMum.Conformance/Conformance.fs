namespace DiMum.Conformance

open System
open System.Collections.Generic
open System.IO
open System.Reflection
open System.Runtime.InteropServices

/// Raised where a law is broken; the message holds every broken law with the smallest input it breaks on.
type ConformanceException(message: string) =
    inherit Exception(message)

/// Runs the laws on anybody's methods, samplers, metrics and networks.
[<AbstractClass; Sealed>]
type Conformance private () =
    static let makes (kind: Type) (found: Type) = kind.IsAssignableFrom found && not found.IsAbstract && found.IsPublic

    /// An instance by a public parameterless constructor, or by one whose parameters all have defaults.
    static let instance (found: Type) =
        found.GetConstructors()
        |> Array.tryFind (fun c -> c.GetParameters() |> Array.forall _.HasDefaultValue)
        |> Option.map (fun c -> c.Invoke(c.GetParameters() |> Array.map _.DefaultValue))

    static let notMade (found: Type) kind message =
        { Component = string found.FullName
          Law = "–"
          Sentence = $"a public {kind} can be made"
          Passed = false
          Cases = 0
          Message = message
          Smallest = ""
          Replay = "" }

    static let raised found kind (error: TargetInvocationException) =
        notMade
            found
            kind
            (match error.InnerException with
             | null -> error.Message
             | inner -> $"its constructor or its Claims raised {inner.GetType().Name}: {inner.Message}")

    static let unmade found kind =
        notMade
            found
            kind
            "it has no public constructor without parameters, or with defaults for all; add one, or test it with Conformance.Require"

    static let claimsOf (found: Type) =
        match found.GetProperty("Claims", BindingFlags.Public ||| BindingFlags.Static) with
        | null -> null
        | property -> property.GetValue null

    static let methodClaimsOf found =
        match claimsOf found with
        | :? Claims as claims -> claims
        | _ -> null

    static let metricClaimsOf found =
        match claimsOf found with
        | :? MetricClaims as claims -> claims
        | _ -> null

    static let samplerOf (found: Type) (made: obj) =
        let steps = nonNull (found.GetProperty "Steps")

        fun (count: int) ->
            steps.SetValue(made, count)
            made :?> Lib.Sampler

    /// What a solver's constructor may ask for besides parameters with defaults: a schedule, a number of steps, levels, a reading.
    static let argument reading (schedule: Lib.NoiseSchedule) (steps: int) (parameter: ParameterInfo) : obj option =
        let kind = parameter.ParameterType

        if kind = typeof<Lib.NoiseSchedule> then
            Some schedule
        elif kind = typeof<Lib.SigmaSteps> then
            Some(Lib.SigmaSteps.Integer(schedule, steps))
        elif kind = typeof<Lib.OutputReading> then
            Some reading
        elif parameter.HasDefaultValue then
            Some(Unchecked.nonNull parameter.DefaultValue) // null is a default like any other
        elif kind = typeof<int> || kind = typeof<Nullable<int>> then
            Some steps
        else
            None

    static let solverOf (found: Type) =
        let some = Lib.NoiseSchedule.Linear 4

        let fitting (c: ConstructorInfo) =
            c.GetParameters() |> Array.forall (argument (Lib.OutputReading()) some 2 >> Option.isSome)

        found.GetConstructors()
        |> Array.tryFind fitting
        |> Option.map (fun c reading schedule steps ->
            let arguments = c.GetParameters() |> Array.choose (argument reading schedule steps)
            c.Invoke(BindingFlags.DoNotWrapExceptions, null, arguments, null) :?> Lib.Solver)
        |> Option.map (SolverLaws.unknown found.Name)

    static let require (verdicts: IReadOnlyList<Verdict>) =
        let broken = verdicts |> Seq.filter (fun verdict -> not verdict.Passed) |> List.ofSeq

        if not broken.IsEmpty then
            let all = broken |> List.map string |> String.concat Environment.NewLine
            raise (ConformanceException $"{broken.Length} of {verdicts.Count} laws are broken{Environment.NewLine}{all}")

    /// Every law of MethodLaws on a method. `claims` null: it claims nothing beyond its interface.
    static member Check
        (method: Lib.IUnlearningMethod, [<Optional; DefaultParameterValue(null: Claims)>] claims: Claims)
        : IReadOnlyList<Verdict> =
        let claims = if isNull claims then Claims() else claims

        [ for law in MethodLaws.all -> law.Check(method.Name, { Method = method; Claims = claims }) ]

    /// Every law of SamplerLaws on a sampler, made by number of steps.
    static member Check(name: string, sampler: Func<int, Lib.Sampler>) : IReadOnlyList<Verdict> =
        [ for law in SamplerLaws.all -> law.Check(name, sampler) ]

    /// Every law of MetricLaws on a metric. `claims` null: it claims nothing beyond its interface.
    static member Check
        (metric: Lib.ISetMetric, [<Optional; DefaultParameterValue(null: MetricClaims)>] claims: MetricClaims)
        : IReadOnlyList<Verdict> =
        let claims = if isNull claims then MetricClaims() else claims

        [ for law in MetricLaws.all -> law.Check(metric.Name, { Metric = metric; Claims = claims }) ]

    /// Every law of NetworkLaws on a network.
    static member Check(network: NetworkCase) : IReadOnlyList<Verdict> = [ for law in NetworkLaws.all -> law.Check(network.Name, network) ]

    /// Every law on every public method, sampler, solver and metric of an assembly. The claims of a method or metric are its public static property
    /// `Claims`, if it has one.
    static member Check(assembly: Assembly) : IReadOnlyList<Verdict> =
        let each found kind (check: obj -> IReadOnlyList<Verdict>) =
            try
                match instance found with
                | Some made -> List.ofSeq (check made)
                | None -> [ unmade found kind ]
            with :? TargetInvocationException as error ->
                [ raised found kind error ]

        [ for found in assembly.GetExportedTypes() do
              if makes typeof<Lib.IUnlearningMethod> found then
                  yield!
                      each found "unlearning method" (fun made -> Conformance.Check(made :?> Lib.IUnlearningMethod, methodClaimsOf found))
              elif makes typeof<Lib.Sampler> found then
                  yield! each found "sampler" (fun made -> Conformance.Check(found.Name, Func<_, _>(samplerOf found made)))
              elif makes typeof<Lib.Solver> found then
                  yield!
                      try
                          match solverOf found with
                          | Some case -> [ for law in SolverLaws.anybody -> law.Check(case.Name, case) ]
                          | None -> [ unmade found "solver" ]
                      with :? TargetInvocationException as error ->
                          [ raised found "solver" error ]
              elif makes typeof<Lib.ISetMetric> found then
                  yield! each found "metric" (fun made -> Conformance.Check(made :?> Lib.ISetMetric, metricClaimsOf found)) ]

    /// The same for a file; what `dimum verify --assembly FILE` prints, a verdict a line, exit code 1 if any is not passed.
    /// Raises UserError if the file is missing, is no .NET assembly, lacks an assembly that it needs, or holds no method, sampler, solver or metric.
    static member CheckFile(path: string) : IReadOnlyList<Verdict> =
        let full = Path.GetFullPath path
        LawSettings.seed () |> ignore
        LawSettings.runs 1 |> ignore

        if Directory.Exists full then
            raise (Lib.UserError $"{full}: is a folder; expected the .dll that your project builds")

        if not (File.Exists full) then
            raise (Lib.UserError $"{full}: there is no such file; build the assembly first")

        let lacking (what: string) =
            Lib.UserError
                $"{full}: needs an assembly that is not beside it: {what}; copy it there (dotnet publish does, or CopyLocalLockFileAssemblies in the project)"

        let verdicts =
            try
                Conformance.Check(Assembly.LoadFrom full)
            with
            | :? BadImageFormatException -> raise (Lib.UserError $"{full}: not a .NET assembly; expected the .dll that your project builds")
            | :? FileNotFoundException as error -> raise (lacking (error.Message.Split('\n')[0]))
            | :? ReflectionTypeLoadException as error -> raise (lacking (error.Message.Split('\n')[0]))

        if verdicts.Count = 0 then
            raise (Lib.UserError $"{full}: holds no public IUnlearningMethod, Sampler, Solver or ISetMetric; make the class public")

        verdicts

    /// For one line in a test of any framework: raises ConformanceException unless the method keeps every law.
    static member Require(method: Lib.IUnlearningMethod, [<Optional; DefaultParameterValue(null: Claims)>] claims: Claims) : unit =
        require (Conformance.Check(method, claims))

    /// The same for a sampler.
    static member Require(name: string, sampler: Func<int, Lib.Sampler>) : unit = require (Conformance.Check(name, sampler))

    /// The same for a metric.
    static member Require(metric: Lib.ISetMetric, [<Optional; DefaultParameterValue(null: MetricClaims)>] claims: MetricClaims) : unit =
        require (Conformance.Check(metric, claims))

    /// The same for a network.
    static member Require(network: NetworkCase) : unit = require (Conformance.Check network)
