namespace DiMum.Properties

open System
open NUnit.Framework
open NUnit.Framework.Interfaces
open NUnit.Framework.Internal
open FsCheck.NUnit
open DiMum.Conformance

/// A law of the list, run by FsCheck with our generators. Its id is also its NUnit category: --filter "Category=L4".
/// `runs` is the number of cases, fewer where a case is dear. DIMUM_LAW_RUNS = n multiplies them all by n/100.
[<AttributeUsage(AttributeTargets.Method)>]
type LawAttribute(id: string, runs: int) as this =
    inherit PropertyAttribute()

    do
        this.Arbitrary <- [| typeof<Generators> |]
        this.QuietOnSuccess <- true

        match LawSettings.seed () with
        | Some seed -> this.Replay <- $"{seed},11400714819323198485" // FsCheck wants an odd second half
        | None -> ()

        this.MaxTest <- LawSettings.runs runs

    new(id) = LawAttribute(id, 100)

    /// The id in docs/verification.md.
    member _.Id = id

    // FsCheck's own builder applies no other attribute of the method, so categories would be lost.
    interface ISimpleTestBuilder with
        member _.BuildFrom(method, suite: Test | null) =
            let test = FsCheckTestMethod(method, nonNull suite)
            test.Properties.Add(PropertyNames.Category, id)
            test.ApplyAttributesToTest method.MethodInfo
            test
