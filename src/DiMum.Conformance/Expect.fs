namespace DiMum.Conformance

// The laws of this repository read as if they stood in this namespace.
[<assembly: AutoOpen("DiMum.Conformance")>]
do ()

/// Failures say what was wanted and what came; FsCheck adds the shrunk counterexample.
module Expect =
    let holds what condition =
        if not condition then
            failwith what

    let equal (expected: 'a) (actual: 'a) =
        if expected <> actual then
            failwith $"expected %A{expected}, got %A{actual}"

    /// |expected − actual| ≤ tolerance · max(1, |expected|)
    let near tolerance (expected: float) (actual: float) =
        if not (abs (expected - actual) <= tolerance * max 1.0 (abs expected)) then
            failwith $"expected %.17g{expected}, got %.17g{actual}, tolerance %g{tolerance}"

    let allNear tolerance (expected: float[]) (actual: float[]) =
        equal expected.Length actual.Length
        Array.iter2 (near tolerance) expected actual
