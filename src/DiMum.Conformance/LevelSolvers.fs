/// Records of the solvers that go from level to level of σ: DPM-Solver++, UniPC, Euler, Heun, linear multistep.
module DiMum.Conformance.LevelSolvers

open DiMum.Spec
open SolverCases

/// How levels are placed, for the solvers that take them ready.
type Placing =
    {
        Says: string
        Place: Lib.NoiseSchedule -> int -> Lib.SigmaSteps
        EndsAtZero: bool
        Room: int
        /// Whether the levels are those of the times.
        OfTimes: bool
    }

let private integer says spacing endsAtZero sigmas =
    { Says = says
      Place = fun schedule steps -> Lib.SigmaSteps.Integer(schedule, steps, spacing, 0, sigmas, endsAtZero)
      EndsAtZero = endsAtZero
      Room = 1 // one time more is placed and left out
      OfTimes = (sigmas = Lib.SigmaSpacing.Times) }

let private real says spacing endsAtZero sigmas =
    { Says = says
      Place = fun schedule steps -> Lib.SigmaSteps.Real(schedule, steps, spacing, 0, sigmas, endsAtZero)
      EndsAtZero = endsAtZero
      Room = 0
      OfTimes = (sigmas = Lib.SigmaSpacing.Times) }

/// The levels of a placing by the specification; spaced ones are the library's, which a law of their own holds.
let levels (placing: Placing) (run: SolverRun) =
    let placed = placing.Place (Components.schedule run.Recipe) run.Steps

    if placing.OfTimes then
        let last = if placing.EndsAtZero then 0.0 else Solver.sigma run.Table 0.0
        [ for t in placed.Times -> Solver.sigma run.Table t ] @ [ last ]
    else
        List.ofSeq placed.Sigmas

let private onLevels (placing: Placing) name make calls last way =
    { Name = $"{name}, {placing.Says}"
      Make = fun reading schedule steps -> make (placing.Place schedule steps) reading
      Fits = fun total steps -> steps <= total - placing.Room
      Calls = fun _ steps -> calls steps
      Reads = anything
      Draws = false
      End = if placing.EndsAtZero then clean else last
      Way = fun run -> way run (levels placing run) |> List.last
      First = false }

/// x̂₀ at a call by its level.
let private cleanAt (run: SolverRun) sigma x call =
    let eps = run.Predict x run.Solver.Times[call]
    Array.map2 (fun x e -> (x - Solver.spread sigma * e) / Solver.signal sigma) x eps

let private zero = integer "to 0" Lib.TimeSpacing.Linspace true Lib.SigmaSpacing.Times
let private early = integer "to the first level" Lib.TimeSpacing.Linspace false Lib.SigmaSpacing.Times
let private trailing = integer "trailing" Lib.TimeSpacing.Trailing true Lib.SigmaSpacing.Times
let private karras = integer "Karras" Lib.TimeSpacing.Leading true Lib.SigmaSpacing.Karras

let private inLambda placing name make (way: SolverRun -> float list -> (float[] -> int -> float[]) -> float[] -> float[] list) =
    onLevels placing name (fun levels reading -> make levels reading :> Lib.Solver) id firstLevel (fun run levels ->
        way run levels (fun x call -> cleanAt run levels[call] x call) run.Start)

let private multistep placing order heun lowersAtEnd eulerAtEnd =
    let says =
        $"DPM-Solver++ {order}M"
        + (if heun then " Heun" else "")
        + (if lowersAtEnd then ", lowered" else "")
        + (if eulerAtEnd then ", Euler at last" else "")

    let orderAt steps k =
        let few = lowersAtEnd && steps < 15

        if k = steps - 1 && (few || eulerAtEnd || placing.EndsAtZero) then 1
        elif k = steps - 2 && few then min 2 order
        else order

    let rule = if heun && order = 2 then Solver.exact else Solver.released

    { inLambda
          placing
          says
          (fun levels reading -> Lib.DpmMultistepSolver(levels, reading, order, heun, lowersAtEnd, eulerAtEnd))
          (fun run levels clean start -> Solver.multistep (orderAt run.Steps) rule levels clean start) with
        First = (order = 1) }

/// Places of the calls in their blocks; the last blocks are of lower order where blocks do not fill the steps, or the end is clean.
let private places order lowersAtEnd endsAtZero steps =
    let blocks count = List.init (order * count) (fun i -> 1 + i % order)

    let all =
        match lowersAtEnd || endsAtZero || steps % order <> 0, order, steps % order with
        | false, _, _
        | _, 1, _ -> blocks (steps / order)
        | _, 2, 0 -> blocks (steps / 2 - 1) @ [ 1; 1 ]
        | _, _, 0 -> blocks (steps / 3 - 1) @ [ 1; 2; 1 ]
        | _, _, 1 -> blocks (steps / order) @ [ 1 ]
        | _ -> blocks (steps / 3) @ [ 1; 2 ]

    if endsAtZero then List.updateAt (steps - 1) 1 all else all

let private singlestep placing order heun lowersAtEnd =
    let says =
        $"DPM-Solver++ {order}S"
        + (if heun then " Heun" else "")
        + (if lowersAtEnd then ", lowered" else "")

    let rule: Solver.Rule =
        fun h points ->
            match points with
            | _ when heun -> Solver.exact h points
            | [ first; _; last ] -> Solver.exact h [ first; last ]
            | _ -> Solver.half Solver.exponential h points

    { inLambda
          placing
          says
          (fun levels reading -> Lib.DpmSinglestepSolver(levels, reading, order, heun, lowersAtEnd))
          (fun run levels clean start ->
              let places = places order lowersAtEnd placing.EndsAtZero run.Steps
              Solver.singlestep (fun k -> places[k]) rule levels clean start) with
        First = (order = 1) }

let private unipc placing order exponential lowersAtEnd =
    let says = $"UniPC {order}" + (if exponential then "" else " B₁") + (if lowersAtEnd then ", lowered" else "")

    let orderAt steps k =
        if lowersAtEnd then min order (steps - k)
        elif placing.EndsAtZero && k = steps - 1 then 1
        else order

    inLambda
        placing
        says
        (fun levels reading -> Lib.UniPcSolver(levels, reading, order, exponential, lowersAtEnd))
        (fun run levels clean start ->
            Solver.unipc (orderAt run.Steps) (Solver.half (if exponential then Solver.exponential else id)) levels clean start)

let private linspace = real "to 0" Lib.TimeSpacing.Linspace true Lib.SigmaSpacing.Times
let private leading = real "leading" Lib.TimeSpacing.Leading true Lib.SigmaSpacing.Times
let private realEarly = real "to the first level" Lib.TimeSpacing.Leading false Lib.SigmaSpacing.Times
let private realKarras = real "Karras" Lib.TimeSpacing.Linspace true Lib.SigmaSpacing.Karras
let private logUniform = real "even in log σ" Lib.TimeSpacing.Trailing true Lib.SigmaSpacing.LogUniform

/// On y = x/√ᾱ; `level` is the place in the list of the level that a call looks from.
let private inSigma placing name make calls level (way: SolverRun -> float list -> (float[] -> int -> float[]) -> float[] -> float[] list) =
    let last table _ = 1.0, Solver.sigma table 0.0

    onLevels placing name (fun levels reading -> make levels reading :> Lib.Solver) calls last (fun run levels ->
        let clean y call =
            let sigma = levels[level call]
            cleanAt run sigma (Vector.scale (Solver.signal sigma) y) call

        way run levels clean run.Start)

let private euler placing =
    { inSigma placing "Euler" (fun levels reading -> Lib.EulerSolver(levels, reading)) id id (fun _ -> Solver.linear 1) with
        First = true }

let private eulerAncestral placing =
    { inSigma placing "Euler ancestral" (fun levels reading -> Lib.EulerAncestralSolver(levels, reading)) id id (fun run ->
          Solver.eulerAncestral run.Noises) with
        Draws = true }

let private heun placing =
    inSigma
        placing
        "Heun"
        (fun levels reading -> Lib.HeunSolver(levels, reading))
        (fun steps -> 2 * steps - 1)
        (fun call -> (call + 1) / 2)
        (fun _ -> Solver.heun)

let private lms placing order =
    { inSigma placing $"LMS {order}" (fun levels reading -> Lib.LmsSolver(levels, reading, order)) id id (fun _ -> Solver.linear order) with
        First = (order = 1) }

/// All of them.
let internal all =
    let many =
        [ multistep early 1 false true false
          multistep zero 2 false true false
          multistep early 2 true false false
          multistep trailing 2 false false true
          multistep karras 2 false true false
          multistep early 3 false true false
          multistep zero 3 false false false ]

    let blocks =
        [ singlestep zero 1 false false
          singlestep early 2 false false
          singlestep zero 2 true true
          singlestep early 3 false true
          singlestep zero 3 false false
          singlestep early 3 true false ]

    let corrected =
        [ unipc zero 1 true true
          unipc zero 2 true true
          unipc early 2 false false
          unipc early 3 true true
          unipc zero 3 true false
          unipc karras 3 false true ]

    let inSigma =
        [ euler linspace
          euler leading
          euler realEarly
          euler logUniform
          eulerAncestral linspace
          eulerAncestral realKarras
          heun linspace
          heun realEarly
          heun realKarras
          lms leading 1
          lms linspace 2
          lms realEarly 3
          lms realKarras 4
          lms linspace 4 ]

    List.concat [ many; blocks; corrected; inSigma ]
