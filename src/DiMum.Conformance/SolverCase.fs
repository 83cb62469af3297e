/// What a record says of a solver and of one way of setting it.
module DiMum.Conformance.SolverCases

open DiMum.Spec

/// A run as the specification needs it.
type SolverRun =
    {
        Recipe: Recipe
        Steps: int
        /// The library's solver: for its times, never for its steps.
        Solver: Lib.Solver
        /// ε̂ at x = √ᾱ·x₀ + √(1−ᾱ)·ε and t.
        Predict: float[] -> float -> float[]
        /// In the order in which they are asked for.
        Noises: float[] list
        Start: float[]
    }

    member run.Table = run.Recipe.Table
    member run.Times = List.ofSeq run.Solver.Times

type SolverCase =
    {
        Name: string
        Make: Lib.OutputReading -> Lib.NoiseSchedule -> int -> Lib.Solver
        /// Whether T times allow S steps.
        Fits: int -> int -> bool
        /// Model calls, by T and S.
        Calls: int -> int -> int
        /// What the network may predict.
        Reads: Lib.Prediction list
        /// Whether noise decides.
        Draws: bool
        /// Factors of x₀ and ε where it ends.
        End: Schedule.Table -> Lib.Solver -> float * float
        /// x at the end by the specification.
        Way: SolverRun -> float[]
        /// Whether it is of first order, and so DDIM.
        First: bool
    }

let internal anything = [ Lib.Prediction.Noise; Lib.Prediction.Velocity; Lib.Prediction.Clean ]
let internal clean _ _ = 1.0, 0.0

let internal firstLevel (table: Schedule.Table) _ = sqrt table.AlphaBar[0], sqrt (1.0 - table.AlphaBar[0])
