namespace DiMum.Conformance

open System
open FsCheck

/// What became of one law on one component.
type Verdict =
    {
        /// The component's name.
        Component: string
        /// The law's id in docs/verification.md, for example L14.
        Law: string
        /// The law.
        Sentence: string
        Passed: bool
        /// Inputs drawn.
        Cases: int
        /// What broke; empty where nothing did.
        Message: string
        /// The smallest input found on which it breaks; empty where nothing does.
        Smallest: string
        /// Seed, gamma and size of FsCheck's generator at the failing input: CheckAt begins with it.
        Replay: string
    }

    /// One line where the law holds; law, reason and smallest input where it does not.
    override this.ToString() =
        let head = sprintf "%s %-4s %s: %s" (if this.Passed then "passed" else "FAILED") this.Law this.Component this.Sentence

        if this.Passed then
            head
        else
            let line name (value: string) = if value = "" then "" else $"\n    {name}: {value}"
            head + line "broke" this.Message + line "smallest input" this.Smallest + line "replay" this.Replay

/// A law over one kind of component, quantified over generated inputs.
type ComponentLaw<'subject> internal (id: string, sentence: string, cases: int, run: string | null -> string -> 'subject -> Verdict) =
    /// The id in docs/verification.md.
    member _.Id = id

    /// The law, as a sentence.
    member _.Sentence = sentence

    /// Inputs that are drawn for a component, where none breaks it.
    member _.Cases = cases

    /// Tries it on one component.
    member _.Check(name: string, subject: 'subject) : Verdict = run null name subject

    /// The same, beginning with the input that an earlier verdict's `Replay` names.
    member _.CheckAt(name: string, subject: 'subject, replay: string) : Verdict = run replay name subject

    override _.ToString() = $"{id}: {sentence}"

/// What the environment asks of laws.
module LawSettings =
    let private read name expected =
        match Environment.GetEnvironmentVariable name with
        | null -> None
        | text ->
            match UInt64.TryParse text with
            | true, number -> Some number
            | _ -> raise (global.DiMum.UserError $"{name}={text}: expected {expected}")

    /// Fixed on a commit, so that a red run stays red; DIMUM_LAW_SEED = fresh (None), or a number, gives others (nightly).
    let seed () =
        if Environment.GetEnvironmentVariable "DIMUM_LAW_SEED" = "fresh" then
            None
        else
            read "DIMUM_LAW_SEED" "fresh or a whole number" |> Option.orElse (Some 2512_03564UL)

    /// Cases of a law: DIMUM_LAW_RUNS = n, in percent, makes them more (nightly) or fewer.
    let runs cases =
        match read "DIMUM_LAW_RUNS" "percent as a whole number" with
        | None -> cases
        | Some percent -> max 1 (int percent * cases / 100)

/// Runs laws by FsCheck and keeps the smallest counterexample.
module internal Law =

    /// "seed,gamma,size", the last two as they come.
    let replayOf (text: string) : Replay =
        match text.Split ',' with
        | [| seed; gamma; size |] -> { Rnd = Rnd(uint64 seed, uint64 gamma); Size = Some(int size) }
        | _ -> invalidArg (nameof text) $"expected seed,gamma,size as a verdict prints it, got '{text}'"

    let private shown (arguments: obj list) =
        match arguments with
        | [] -> "(none: the law has no input)"
        | _ -> arguments |> List.map (sprintf "%A") |> String.concat "; "

    let private reason (outcome: Outcome) =
        match outcome with
        | Outcome.Failed error -> error.Message
        | other -> $"%A{other}"

    /// `arbitraries` is the type that holds the generators of the law's inputs.
    let over (arbitraries: Type) cases id sentence (body: 'subject -> 'testable) =
        let run (pinned: string | null) name subject =
            let mutable verdict =
                { Component = name
                  Law = id
                  Sentence = sentence
                  Passed = true
                  Cases = 0
                  Message = ""
                  Smallest = ""
                  Replay = "" }

            let failed (data: TestData) message smallest rnd =
                verdict <-
                    { verdict with
                        Passed = false
                        Cases = data.NumberOfTests
                        Message = message
                        Smallest = smallest
                        Replay = rnd }

            let runner =
                { new IRunner with
                    member _.OnStartFixture _ = ()
                    member _.OnArguments(_, _, _) = ()
                    member _.OnShrink(_, _) = ()

                    member _.OnFinished(_, result) =
                        match result with
                        | TestResult.Passed(data, _) -> verdict <- { verdict with Cases = data.NumberOfTests }
                        | TestResult.Failed(data, _, shrunk, outcome, _, last, size) ->
                            failed data (reason outcome) (shown shrunk) $"{last.Seed},{last.Gamma},{size}"
                        | TestResult.Exhausted data -> failed data "too few inputs satisfy the law's condition" "" "" }

            let replay =
                match pinned with
                | null -> LawSettings.seed () |> Option.map (fun seed -> { Rnd = Rnd seed; Size = None }: Replay)
                | text -> Some(replayOf text)

            let config =
                Config.Quick
                    .WithMaxTest(LawSettings.runs cases)
                    .WithEndSize(30)
                    .WithArbitrary([ arbitraries ])
                    .WithReplay(replay)
                    .WithRunner(runner)

            Check.One(config, body subject)
            verdict

        ComponentLaw<'subject>(id, sentence, LawSettings.runs cases, run)
