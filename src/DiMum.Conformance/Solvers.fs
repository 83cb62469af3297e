/// One record per solver and way of setting it: the library's beside the specification's.
module DiMum.Conformance.Solvers

/// All of them; a law says that no public solver of the library is missing.
let all = TimeSolvers.all @ LevelSolvers.all
