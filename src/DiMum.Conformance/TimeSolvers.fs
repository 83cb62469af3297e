/// Records of the solvers that go from time to time: DDIM, ancestral sampling, PNDM.
module DiMum.Conformance.TimeSolvers

open DiMum.Spec
open SolverCases

/// DDIM by the specification along (from, to) pairs.
let private ddimWay eta pairs (run: SolverRun) =
    let predict x i = run.Predict x (float i)
    let noises = List.truncate (List.length pairs) run.Noises
    Reverse.sample (Reverse.ddim eta Reverse.Unbounded run.Table) predict noises pairs run.Start

let private wholeTimes (run: SolverRun) = run.Times |> List.map int

/// From t to t − ⌊T/S⌋, below 0 to `final`.
let private byGap final (run: SolverRun) =
    let gap = run.Table.Beta.Length / run.Steps
    [ for t in wholeTimes run -> t, (if t - gap >= 0 then t - gap else final) ]

let private ddim =
    let one name eta spacing offset lastIsClean fits =
        { Name = name
          Make = fun reading schedule steps -> Lib.DdimSolver.AsDiffusers(schedule, steps, eta, reading, spacing, offset, lastIsClean)
          Fits = fits
          Calls = fun _ steps -> steps
          Reads = anything
          Draws = eta > 0.0
          End = if lastIsClean then clean else firstLevel
          Way = fun run -> ddimWay eta (byGap (if lastIsClean then -1 else 0) run) run
          First = false }

    let always total steps = steps <= total
    let divides total steps = total % steps = 0
    let apart total steps = total / steps >= 2

    [ one "DDIM solver η=0" 0.0 Lib.TimeSpacing.Leading 0 true always
      one "DDIM solver η=0.5" 0.5 Lib.TimeSpacing.Leading 0 true always
      one "DDIM solver, trailing" 0.0 Lib.TimeSpacing.Trailing 0 true divides
      one "DDIM solver of Stable Diffusion" 0.0 Lib.TimeSpacing.Leading 1 false apart ]

/// Every ⌊T/S⌋-th time from 1 has to lie below T.
let private compVisFits total steps =
    let gap = total / steps
    gap >= 2 && (total - 1) / gap * gap + 1 < total

let private compVis eta =
    { Name = $"CompVis DDIM η={eta}"
      Make = fun _ schedule steps -> Lib.DdimSolver.AsCompVis(schedule, steps, eta)
      Fits = compVisFits
      Calls = fun total steps -> (total - 1) / (total / steps) + 1
      Reads = [ Lib.Prediction.Noise ]
      Draws = eta > 0.0
      End = firstLevel
      Way = fun run -> ddimWay eta (Reverse.transitions 0 (wholeTimes run)) run
      First = false }

/// Backwards: Eq. (1) at the last time, from the x̂₀ and ε̂ of the level before.
let private inversion =
    let way (run: SolverRun) =
        let gap = run.Table.Beta.Length / run.Steps

        let move x t =
            let before, after = Schedule.alphaBar run.Table (t - gap), run.Table.AlphaBar[t]
            let eps = run.Predict x (float t)
            let image = Array.map2 (fun x e -> (x - sqrt (1.0 - before) * e) / sqrt before) x eps
            Forward.noised run.Table t image eps

        List.fold move run.Start (wholeTimes run)

    { Name = "DDIM inversion"
      Make = fun reading schedule steps -> Lib.DdimInversion(schedule, steps, reading)
      Fits = fun total steps -> steps <= total
      Calls = fun _ steps -> steps
      Reads = [ Lib.Prediction.Noise; Lib.Prediction.Velocity ] // x₀ alone does not say what the clean image's noise is
      Draws = false
      End =
        fun table solver ->
            let bar = table.AlphaBar[int solver.Times[solver.Times.Count - 1]]
            sqrt bar, sqrt (1.0 - bar)
      Way = way
      First = false }

let private ancestral =
    let one name variance sigma (steps: int -> System.Nullable<int>) calls =
        { Name = $"ancestral solver, {name}"
          Make = fun reading schedule count -> Lib.AncestralSolver(schedule, steps count, reading, variance)
          Fits = fun total steps -> steps <= total
          Calls = calls
          Reads = anything
          Draws = true
          End = clean
          Way =
            fun run ->
                let pairs = Reverse.transitions -1 (wholeTimes run)
                let predict x i = run.Predict x (float i)
                let noises = List.truncate pairs.Length run.Noises
                Reverse.sample (Reverse.ancestral sigma Reverse.Unbounded run.Table) predict noises pairs run.Start
          First = false }

    [ one "small" Lib.ReverseVariance.Small Schedule.Small System.Nullable (fun _ steps -> steps)
      one "large" Lib.ReverseVariance.Large Schedule.Large System.Nullable (fun _ steps -> steps)
      one "every time" Lib.ReverseVariance.Small Schedule.Small (fun _ -> System.Nullable()) (fun total _ -> total) ]

let private pndm =
    let one name read make fits calls final walk first =
        { Name = $"PNDM, {name}"
          Make = make
          Fits = fits
          Calls = calls
          Reads = [ Lib.Prediction.Noise ] // as released it averages velocities of unlike times, which is another way
          Draws = false
          End = if final < 0 then clean else firstLevel
          Way =
            fun run ->
                let gap = run.Table.Beta.Length / run.Steps

                let transfer i j x output =
                    let eps = read run.Table i x output
                    Reverse.ddim 0.0 Reverse.Unbounded run.Table i (if j < 0 then final else j) x eps (Array.map (fun _ -> 0.0) x)

                // Between the visited times there are those of the Runge–Kutta steps.
                let steps = (wholeTimes run |> List.distinct |> List.filter (fun t -> (t - first) % gap = 0)).Length
                walk transfer (fun x t -> run.Predict x (float t)) gap (wholeTimes run).Head steps run.Start
          First = false }

    let noise _ _ _ (output: float[]) = output

    let velocity (table: Schedule.Table) t =
        Array.map2 (fun x v -> sqrt table.AlphaBar[t] * v + sqrt (1.0 - table.AlphaBar[t]) * x)

    let diffusers prediction short offset lastIsClean (_: Lib.OutputReading) schedule steps =
        Lib.PndmSolver.AsDiffusers(schedule, steps, short, prediction, Lib.TimeSpacing.Leading, offset, lastIsClean) :> Lib.Solver

    let gap total steps = total / steps
    let apart t s = s >= 2 && gap t s >= 2
    let oneMore _ s = s + 1

    [ one "short" noise (diffusers Lib.Prediction.Noise true 1 false) apart oneMore 0 Pndm.short 1
      one "short, clean" noise (diffusers Lib.Prediction.Noise true 0 true) (fun t s -> s >= 2 && s <= t) oneMore -1 Pndm.short 0
      { one "short, velocity" velocity (diffusers Lib.Prediction.Velocity true 1 false) apart oneMore 0 Pndm.short 1 with
          Reads = [] }
      // Half of an odd gap is no whole time.
      one
          "full"
          noise
          (diffusers Lib.Prediction.Noise false 0 false)
          (fun t s -> s >= 4 && s <= t && gap t s % 2 = 0)
          (fun _ s -> s + 9)
          0
          Pndm.full
          0
      one
          "CompVis"
          noise
          (fun _ schedule steps -> Lib.PndmSolver.AsCompVis(schedule, steps))
          (fun t s -> compVisFits t s && (t - 1) / gap t s >= 1)
          (fun t s -> (t - 1) / gap t s + 2)
          0
          Pndm.short
          1 ]

/// All of them.
let internal all = ddim @ [ compVis 0.0; compVis 0.7; inversion ] @ ancestral @ pndm
